// Configurations of other gateways, recognised by what only their files contain. The page does not read them:
// `corsctl import` does.

/**
 * The system of a text that was pasted in place of a policy: {name, command}; none if it is not of one.
 */
export function otherSystem(text) {
  const found = SYSTEMS.find(([, , ...patterns]) => patterns.every((pattern) => pattern.test(text)));
  if (!found) return undefined;
  const [name, argument] = found;
  return { name, argument, command: `corsctl import FILE --from ${argument} > cors.json` };
}

/** A key of JSON or YAML, at the beginning of a line or after a bracket or comma. */
const key = (name) => new RegExp(`(^|[{,\\n]|- )[ \\t]*["']?${name}["']?\\s*:`);

/**
 * The name, the argument of --from, and the patterns, which all match; those with common keys come last.
 * @type {[string, string, ...RegExp[]][]}
 */
const SYSTEMS = [
  ["Envoy Gateway", "gateway-api", /kind: SecurityPolicy/],
  ["Istio", "istio", /\bnetworking\.istio\.io\b/],
  ["ingress-nginx", "ingress-nginx", /\bnginx\.ingress\.kubernetes\.io\//],
  ["Gloo", "gloo", /\bgateway\.solo\.io\b/],
  ["Emissary", "emissary", /\bgetambassador\.io\b/],
  ["Contour", "contour", /\bprojectcontour\.io\b/],
  ["Kong", "kong", /\bkonghq\.com\b|_format_version/],
  ["APISIX", "apisix", /\bapisix\.apache\.org\b|\ballow_credential\b|\ballow_origins_by_/],
  ["Higress", "higress", /\bextensions\.higress\.io\b|allow_origin_patterns/],
  ["Traefik", "traefik", /\btraefik\.(io|containo\.us)\b|accesscontrolallow|traefik\.http\./i],
  ["the Gateway API", "gateway-api", /\bgateway\.(networking\.k8s|kgateway)\./],
  ["Spring Cloud Gateway", "spring", /\bglobalcors\b|spring[.:]/, /globalcors|\bgateway\b/],
  ["KrakenD", "krakend", /security\/cors|devopsfaith\/krakend/],
  ["Tyk", "tyk", /x-tyk-api-gateway|tyk\.tyk\.io|listen_path/],
  ["AWS", "aws", /\bAWS::|\bCORSRules\b|\bAllowOrigins\b|\bAllowedOrigins\b/],
  ["Azure API Management", "azure-apim", /^\s*<(policies|fragment|inbound|cors)\b/],
  ["Azure Container Apps", "azure", /\bingress["']?:/, /corsPolicy/],
  ["Google Cloud", "google", /pathMatchers|defaultRouteAction|#urlMap/],
  ["Envoy", "envoy", /allow_?origin_?string_?match|type\.googleapis\.com\/envoy|virtual_hosts/i],
  ["agentgateway", "agentgateway", key("binds")],
  ["APISIX", "apisix", /["']?plugins["']?:\s*\{\s*["']?cors["']?:|\n\s*cors:\s*\n\s*allow_/],
  ["rs/cors", "rs-cors", key("allowed_?origins")],
];

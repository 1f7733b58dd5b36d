// The policy as the configuration of a proxy, ready to copy.

/**
 * {envoy, istio, gateway}: the texts for a policy that is JSON. The originals, with more reasons, are in envoy/.
 */
export function manifests(policyText) {
  const policy = JSON.parse(policyText.trim() || "{}");
  return { envoy: envoy(policyText.trim() || "{}"), istio: istio(policy), gateway: envoyGateway(policy) };
}

function envoy(policyText) {
  return `# The first of http_filters, in front of filters that answer themselves (jwt_authn, ext_authz, …).
- name: cors
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
    config:
      name: cors
      failure_policy: FAIL_RELOAD
      configuration:
        "@type": type.googleapis.com/google.protobuf.StringValue
        value: |
${indent(policyText, 10)}
      vm_config:
        runtime: envoy.wasm.runtime.v8
        code:
          local:
            filename: /etc/envoy/cors.wasm
`;
}

function istio(policy) {
  return `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: cors
  namespace: istio-ingress
spec:
  selector:
    matchLabels:
      istio: ingressgateway
  url: https://downloads.example.com/proxy-wasm-cors/0.1.0/cors.wasm
  # Before authentication, and first there: a 401 must carry the CORS headers too.
  phase: AUTHN
  priority: 1000
  # Istio before 1.27 does not know it: leave it out there.
  failStrategy: FAIL_RELOAD
  pluginConfig:
${indent(yaml(policy), 4)}
`;
}

function envoyGateway(policy) {
  return `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata:
  name: cors
  namespace: gateways
spec:
  targetRefs:
    - group: gateway.networking.k8s.io
      kind: Gateway
      name: public
  wasm:
    - name: cors
      rootID: cors
      code:
        type: HTTP
        http:
          url: https://downloads.example.com/proxy-wasm-cors/0.1.0/cors.wasm
      failOpen: false
      config:
${indent(yaml(policy), 8)}
---
# Wasm is behind authentication by default. The Gateway names this by
# spec.infrastructure.parametersRef.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata:
  name: cors-first
  namespace: gateways
spec:
  filterOrder:
${BEHIND.map((name) => `    - { name: envoy.filters.http.wasm, before: envoy.filters.http.${name} }`).join("\n")}
`;
}

/** JSON as block YAML. Every text is quoted, so that no value is taken as a number or a keyword of YAML. */
export function yaml(value) {
  const isEmpty = typeof value !== "object" || !Object.keys(value).length;
  if (isEmpty) return JSON.stringify(value);
  const key = (name) =>
    /^[A-Za-z][\w-]*$/.test(name) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(name) ? name : JSON.stringify(name);
  const entry = (head, item) => {
    const text = yaml(item);
    const isBlock = typeof item === "object" && Object.keys(item).length > 0;
    if (head === "-") return `- ${indent(text, 2).trimStart()}`;
    return isBlock ? `${head}\n${indent(text, 2)}` : `${head} ${text}`;
  };
  if (Array.isArray(value)) return value.map((item) => entry("-", item)).join("\n");
  return Object.entries(value)
    .map(([name, item]) => entry(`${key(name)}:`, item))
    .join("\n");
}

const indent = (text, width) => text.replace(/^(?=.)/gm, " ".repeat(width));

// The filters that may be in front, the first of them last; an entry whose filter is not in the chain has no effect.
const BEHIND =
  "ext_proc lua buffer stateful_session jwt_authn oauth2 basic_auth api_key_auth ext_authz cors fault".split(" ");

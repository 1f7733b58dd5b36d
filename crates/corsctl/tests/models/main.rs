//! The meaning of what `corsctl import` reads: for each system a model of what it does, written from its
//! documentation or its source. Random configurations and calls of `fetch` go through the model and
//! through what import writes; in whatever a browser lets a script do the two must agree, or import
//! must have reported the difference.

mod classes;
mod compare;
mod envoy_filter;
mod parts;
mod real;

mod agentgateway;
mod apim;
mod apisix;
mod aws;
mod aws_rest;
mod azure;
mod contour;
mod emissary;
mod envoy;
mod envoy_gateway;
mod gateway_api;
mod gloo;
mod google;
mod higress;
mod ingress_nginx;
mod istio;
mod istio_patch;
mod kong;
mod krakend;
mod rs_cors;
mod spring;
mod traefik;
mod tyk;

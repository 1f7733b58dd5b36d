//! Which rule matches a request: host names, paths, route names.

pub mod host;
pub mod key;
pub mod path;
pub mod readings;
pub mod route_name;
pub mod rules;

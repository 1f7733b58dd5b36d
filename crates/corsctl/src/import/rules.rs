//! Routes of another system as rules of this plugin.
//!
//! A rule here looks at host, path and route name, and the most specific one wins. So a route
//! becomes keys, one for each combination of its hosts and paths; a key whose policy would hold
//! without it too is left out, and a route without CORS below one that has it becomes a rule that is
//! off.
//!
//! Whatever order the source has, the rules are written only if they give each request the policy of
//! the route that took it there: what would need another order is refused.

pub mod clash;
pub mod keys;
pub mod merge;
pub mod policies;
pub mod related;
pub mod route;
pub mod write;

//! Counts the allocations of the core for each kind of request: values that could be made at configuration
//! time must not be made for every request.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cors::http::request::{Headers, HeadersMut, RequestContext};
use cors::select::policy_set::PolicySet;

/// Kind of request, allocations beyond the values that the host returns.
///
/// A refusal's reply is ready; a preflight's gets the origin.
const ALLOCATIONS: &str = "\
no Origin: 0
actual, allowed: 0
actual, refused: 0
actual, any subdomain: 0
actual, by a label glob: 0
actual, by a later grant: 0
preflight, allowed: 1
preflight, refused: 0
governed by a rule: 1
of a tenant by host: 1
of a tenant by path: 0
";

#[test]
fn allocations_of_each_kind_of_request() {
    let plain = r#"{"allowOrigins": ["https://app.example", "https://*.dev.example"], "allowCredentials": true,
        "allowMethods": ["GET", "PUT"], "allowHeaders": ["x-a"], "exposeHeaders": ["x-b"], "maxAge": 600}"#;
    let rule = format!(
        r#"{{"rules": [{{"match": {{"hostnames": ["api.example"]}}, "policy": {plain}}}]}}"#
    );
    const APP: Header = ("origin", "https://app.example");
    const EVIL: Header = ("origin", "https://evil.example");
    const PUT: Header = ("access-control-request-method", "PUT");
    const OPTIONS: Header = (":method", "OPTIONS");
    let glob = r#"{"allowOrigins": ["https://pr-*.example"]}"#;
    let grants = r#"{"allowOrigins": ["https://app.example"], "allowCredentials": true, "grants": [{"allowOrigins": ["*"]}]}"#;
    let tenant = |matched: &str| {
        format!(
            r#"{{"rules": [{{"match": {matched}, "policy": {{"allowOrigins": ["https://{{t}}.example"], "allowCredentials": true}}}}]}}"#
        )
    };
    let by_host = tenant(r#"{"hostnames": ["{t}.api.example"]}"#);
    let by_path = tenant(r#"{"exactPaths": ["/t/{t}"]}"#);
    const OF_APP: Header = (":path", "/t/app");
    let kinds: [(&str, &str, &[Header]); 11] = [
        ("no Origin", plain, &[]),
        ("actual, allowed", plain, &[APP]),
        ("actual, refused", plain, &[EVIL]),
        (
            "actual, any subdomain",
            plain,
            &[("origin", "https://a.b.dev.example")],
        ),
        (
            "actual, by a label glob",
            glob,
            &[("origin", "https://pr-17.example")],
        ),
        ("actual, by a later grant", grants, &[EVIL]),
        ("preflight, allowed", plain, &[APP, PUT, OPTIONS]),
        ("preflight, refused", plain, &[EVIL, PUT, OPTIONS]),
        (
            "governed by a rule",
            &rule,
            &[APP, (":authority", "api.example")],
        ),
        (
            "of a tenant by host",
            &by_host,
            &[APP, (":authority", "app.api.example")],
        ),
        ("of a tenant by path", &by_path, &[APP, OF_APP]),
    ];
    let mut table = String::new();
    for (name, configuration, headers) in kinds {
        let plugin = PolicySet::from_bytes(configuration.as_bytes())
            .0
            .expect("good");
        let mut stream = Lent(headers, Cell::new(0));
        let before = ALLOCATED.get();
        let judgement = plugin.judge(&stream);
        assert!(judgement.is_enforced());
        if judgement.reply().is_none() {
            judgement.amend_request(&mut stream);
            judgement.amend_response(&mut stream);
        }
        let made = ALLOCATED.get() - before - stream.1.get();
        table += &format!("{name}: {made}\n");
    }
    assert_eq!(table, ALLOCATIONS);
}

type Header = (&'static str, &'static str);

/// A host: every value that it returns is one allocation, which is counted here too.
struct Lent<'a>(&'a [Header], Cell<usize>);

impl Headers for Lent<'_> {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        self.1.set(self.1.get() + 1);
        Some(value.as_bytes().to_vec())
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        panic!("no request here needs the whole map");
    }
}

impl HeadersMut for Lent<'_> {
    fn add(&mut self, _: &str, _: &[u8]) {}
    fn remove(&mut self, _: &str) {}
    fn replace(&mut self, _: &str, _: &[u8]) {}
}

impl RequestContext for Lent<'_> {
    fn property(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is the system's allocator; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // At the end of a thread there is nothing to count.
        let _ = ALLOCATED.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATED.try_with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

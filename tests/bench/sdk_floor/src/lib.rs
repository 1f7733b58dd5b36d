//! The floor in Rust on the SDK: the host calls of `../floor.wat` in the same order, and almost nothing
//! between them. Its cost beyond the floor is the cost of the SDK: contexts found by number, callbacks
//! behind method tables, memory that is allocated and freed.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { counters: [0; 5] }));
}}

struct Root {
    counters: [u32; 5],
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let names = [
            "cors.preflight_allowed",
            "cors.preflight_refused",
            "cors.refused.origin",
            "cors.request_allowed",
            "cors.request_refused",
        ];
        for (name, counter) in names.iter().zip(&mut self.counters) {
            unsafe { proxy_define_metric(0, name.as_ptr(), name.len(), counter) };
        }
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http {
            counters: self.counters,
            state: State::NoOrigin,
        }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Http {
    counters: [u32; 5],
    state: State,
}

enum State {
    Allowed,
    Answered,
    NoOrigin,
    Refused,
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let [
            preflight_allowed,
            preflight_refused,
            refused,
            allowed,
            request_refused,
        ] = self.counters;
        let Some(origin) = get(REQUEST, "origin") else {
            return Action::Continue;
        };
        let is_allowed = origin.len() == 23 && origin[8] == b'a';
        if get(REQUEST, "access-control-request-method").is_some() {
            get(REQUEST, ":method");
            self.state = State::Answered;
            if is_allowed {
                count(preflight_allowed);
                reply(204, ANSWER);
            } else {
                count(preflight_refused);
                count(refused);
                set_verdict();
                reply(403, REFUSAL);
            }
            return Action::Pause;
        }
        if is_allowed {
            count(allowed);
            self.state = State::Allowed;
        } else {
            count(request_refused);
            count(refused);
            set_verdict();
            self.state = State::Refused;
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if matches!(self.state, State::Answered) {
            return Action::Continue;
        }
        get(RESPONSE, "vary");
        add("vary", "Origin");
        match self.state {
            State::NoOrigin => {
                remove("access-control-allow-origin");
                return Action::Continue;
            }
            State::Allowed => {
                replace("access-control-allow-origin", "https://app.example.com");
                replace("access-control-allow-credentials", "true");
                replace("access-control-expose-headers", "x-request-id");
            }
            _ => {
                remove("access-control-allow-origin");
                remove("access-control-allow-credentials");
                remove("access-control-expose-headers");
            }
        }
        remove("access-control-allow-methods");
        remove("access-control-allow-headers");
        remove("access-control-max-age");
        remove("access-control-allow-private-network");
        Action::Continue
    }
}

/// Where tools/wasm-link lets panics end.
#[unsafe(no_mangle)]
fn cors_panicked(_: &std::panic::Location<'_>) {}

fn get(map: u32, name: &str) -> Option<Vec<u8>> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    let status =
        unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), &mut data, &mut size) };
    // The host lets the module allocate it as a `Vec` of that size.
    (status == 0 && !data.is_null()).then(|| unsafe { Vec::from_raw_parts(data, size, size) })
}

fn add(name: &str, value: &str) {
    unsafe {
        proxy_add_header_map_value(
            RESPONSE,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
}

fn replace(name: &str, value: &str) {
    unsafe {
        proxy_replace_header_map_value(
            RESPONSE,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
}

fn remove(name: &str) {
    unsafe { proxy_remove_header_map_value(RESPONSE, name.as_ptr(), name.len()) };
}

fn count(counter: u32) {
    unsafe { proxy_increment_metric(counter, 1) };
}

fn set_verdict() {
    let (name, value) = ("cors_verdict", "origin top-level policy");
    unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
}

fn reply(status: u32, headers: &[u8]) {
    let none = std::ptr::null();
    unsafe {
        proxy_send_local_response(
            status,
            none,
            0,
            none,
            0,
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    };
}

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;

const ANSWER: &[u8] = b"\x07\0\0\0\
    \x1b\0\0\0\x17\0\0\0\x20\0\0\0\x04\0\0\0\x1c\0\0\0\x16\0\0\0\x1c\0\0\0\x1b\0\0\0\
    \x1d\0\0\0\x0c\0\0\0\x16\0\0\0\x03\0\0\0\x04\0\0\0\x06\0\0\0\
    access-control-allow-origin\0https://app.example.com\0access-control-allow-credentials\0true\0\
    access-control-allow-methods\0GET, POST, PUT, DELETE\0\
    access-control-allow-headers\0content-type, authorization\0\
    access-control-expose-headers\0x-request-id\0access-control-max-age\x00600\0vary\0Origin\0";
const REFUSAL: &[u8] =
    b"\x02\0\0\0\x04\0\0\0\x06\0\0\0\x0d\0\0\0\x08\0\0\0vary\0Origin\0cache-control\0no-store\0";

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

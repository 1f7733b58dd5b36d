//! The host's functions that the filter uses, as the
//! [proxy-wasm ABI 0.2.1](https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1) names them.
//!
//! The SDK's own wrappers panic on every status that they do not list, and hosts return such: here a
//! status is a number, and whatever is not 0 is a failure.

#![expect(
    unsafe_code,
    reason = "the host is reached through extern functions only"
)]

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::fmt::Write;
use std::ptr::NonNull;

use cors::http::header_block;
use cors::http::request::{Headers, HeadersMut};
use cors::policy::verdict::Reply;
use log::{Log, Metadata, Record};

/// A header map of the stream whose callback runs.
#[derive(Clone, Copy, Debug)]
pub enum HeaderMap {
    Request = 0,
    Response = 2,
}

impl Headers for HeaderMap {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        returned(|data, size| unsafe {
            proxy_get_header_map_value(*self as u32, name.as_ptr(), name.len(), data, size)
        })
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let map =
            returned(|data, size| unsafe { proxy_get_header_map_pairs(*self as u32, data, size) });
        map.and_then(|map| header_block::parse(&map))
            .unwrap_or_default()
    }
}

impl HeadersMut for HeaderMap {
    fn add(&mut self, name: &str, value: &[u8]) {
        unsafe {
            proxy_add_header_map_value(
                *self as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            );
        }
    }

    fn remove(&mut self, name: &str) {
        unsafe {
            proxy_remove_header_map_value(*self as u32, name.as_ptr(), name.len());
        }
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        unsafe {
            proxy_replace_header_map_value(
                *self as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            );
        }
    }
}

/// Writes what is logged through [`log`] as lines of the host's log. The SDK's own logger unwraps the
/// status of the call.
pub struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = String::new();
        // Writing to a String fails only if the value's own Display does: the line is then cut there.
        let _ = write!(line, "cors: {}", record.args());
        let level = match record.level() {
            log::Level::Error => 4,
            log::Level::Warn => 3,
            log::Level::Info => 2,
            log::Level::Debug => 1,
            log::Level::Trace => 0,
        };
        unsafe {
            proxy_log(level, line.as_ptr(), line.len());
        }
    }

    fn flush(&self) {}
}

/// What is left to do at a panic: tools/wasm-link lets those of the shipped module end here, not in the
/// standard library's printer. No message, which would have to be allocated: the location is enough.
#[cfg(target_os = "wasi")]
#[unsafe(no_mangle)]
fn cors_panicked(place: &std::panic::Location<'_>) {
    /// A line of which what is too long is left out.
    struct Line([u8; 160], usize);
    impl Write for Line {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for byte in text.bytes() {
                if let Some(free) = self.0.get_mut(self.1) {
                    *free = byte;
                    self.1 += 1;
                }
            }
            Ok(())
        }
    }
    let mut line = Line([0; 160], 0);
    let _ = write!(line, "cors: panicked at {place}");
    unsafe {
        proxy_log(CRITICAL, line.0.as_ptr(), line.1);
    }
}

/// The plugin's configuration; `None` if the host does not give it.
pub fn plugin_configuration(size: usize) -> Option<Vec<u8>> {
    if size == 0 {
        return Some(Vec::new());
    }
    returned(|data, length| unsafe {
        proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, data, length)
    })
    .filter(|bytes| bytes.len() == size)
}

/// The value at a path of attributes.
pub fn property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    returned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Lets an attribute of streams live as long as their request, through every chain of filters that it
/// passes: by default it ends with the chain. A function of Envoy's; no other host is known to need it.
pub fn declare_request_property(name: &str) {
    const FUNCTION: &str = "declare_property";
    const NAME: u8 = 1 << 3 | 2;
    const SPAN: u8 = 5 << 3;
    const DOWNSTREAM_REQUEST: u8 = 1;
    // envoy.source.extensions.common.wasm.DeclarePropertyArguments
    let mut arguments = vec![SPAN, DOWNSTREAM_REQUEST, NAME];
    arguments.extend(u8::try_from(name.len()));
    arguments.extend_from_slice(name.as_bytes());
    returned(|data, size| unsafe {
        proxy_call_foreign_function(
            FUNCTION.as_ptr(),
            FUNCTION.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    });
}

/// Sets an attribute of the stream, which Envoy keeps as filter state `wasm.NAME`.
pub fn set_property(name: &str, value: &[u8]) {
    unsafe {
        proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len());
    }
}

/// A counter of the host; one that the host does not have counts nothing.
#[derive(Clone, Copy, Debug)]
pub struct Metric(Option<u32>);

impl Metric {
    pub fn define(name: &str) -> Self {
        let mut id = 0;
        let status =
            unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut id) };
        Self((status == OK).then_some(id))
    }

    pub fn increment(self) {
        if let Some(id) = self.0 {
            unsafe {
                proxy_increment_metric(id, 1);
            }
        }
    }
}

/// Seconds since the epoch, by the host's clock.
pub fn seconds() -> Option<u64> {
    let mut nanoseconds = 0;
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
    (status == OK).then_some(nanoseconds / 1_000_000_000)
}

/// Answers the request instead of an upstream.
pub fn send(reply: &Reply) {
    let headers = reply.headers.as_host_map();
    unsafe {
        proxy_send_local_response(
            u32::from(reply.status),
            std::ptr::null(),
            0,
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        );
    }
}

/// Room for bytes that the host hands over. Hosts take null for a failure of the call, some also if they ask for no
/// bytes: what is there would then look absent. Without memory, this traps.
pub fn allocate(size: usize) -> *mut u8 {
    let Ok(layout) = Layout::array::<u8>(size) else {
        handle_alloc_error(Layout::new::<u8>());
    };
    if size == 0 {
        return NonNull::dangling().as_ptr();
    }
    // `Box` would do the same, in fifty instructions more.
    let room = unsafe { alloc(layout) };
    if room.is_null() {
        handle_alloc_error(layout);
    }
    room
}

/// Calls a function that returns bytes; the host puts them into room that [`allocate`] made for that very size.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let mut data = std::ptr::null_mut();
    let mut size = 0;
    if call(&raw mut data, &raw mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

const COUNTER: u32 = 0;
#[cfg(target_os = "wasi")]
const CRITICAL: u32 = 5;
const NO_GRPC_STATUS: i32 = -1;
const OK: u32 = 0;
const PLUGIN_CONFIGURATION: u32 = 7;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        results: *mut *mut u8,
        results_size: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_current_time_nanoseconds(nanoseconds: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_log(level: u32, text: *const u8, text_size: usize) -> u32;
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

//! Envoy's functions that the filter uses, as version 0.2.0 of the
//! [interface of dynamic modules](https://github.com/envoyproxy/envoy/blob/main/source/extensions/dynamic_modules/abi/abi.h)
//! names them. They are the same in 0.1.0, of Envoy 1.38.
//!
//! Envoy lends every value until the next function that changes something: each is copied at once.

#![expect(unsafe_code, reason = "Envoy is reached through extern functions only")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use cors::http::header::VARY;
use cors::http::request::{Headers, HeadersMut, RequestContext};
use cors::select::route_policy::RoutePolicy;
use cors_shell::Stream;
use log::{Log, Metadata, Record};

/// Bytes that belong to the caller.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Buffer {
    data: *const u8,
    size: usize,
}

impl Buffer {
    fn of(bytes: &[u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            size: bytes.len(),
        }
    }

    /// # Safety
    /// The bytes must be there for as long as they are used.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// None: no value at all, which is not the empty one.
    const NONE: Self = Self {
        data: ptr::null(),
        size: 0,
    };
}

/// A header line.
#[derive(Clone, Copy)]
#[repr(C)]
struct Line {
    name: Buffer,
    value: Buffer,
}

impl Line {
    const NONE: Self = Self {
        name: Buffer::NONE,
        value: Buffer::NONE,
    };
}

/// A header map of the stream whose hook runs.
struct HeaderMap {
    envoy: *mut c_void,
    kind: u32,
}

impl HeaderMap {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        lent(|value| self.lend(name, value), <[u8]>::to_vec)
    }

    fn is_value(&self, name: &str, value: &[u8]) -> bool {
        lent(|own| self.lend(name, own), |own| own == value) == Some(true)
    }

    /// Has the value of the first line lent.
    fn lend(&self, name: &str, value: *mut Buffer) -> bool {
        unsafe {
            envoy_dynamic_module_callback_http_get_header(
                self.envoy,
                self.kind,
                Buffer::of(name.as_bytes()),
                value,
                0,
                ptr::null_mut(),
            )
        }
    }

    /// Calls with every line, if there are no more than a stack has room for.
    fn lines<T>(&self, look: impl FnOnce(&[Line]) -> T) -> Option<T> {
        const MOST: usize = 128;
        let mut room = [const { MaybeUninit::<Line>::uninit() }; MOST];
        let size = self.size();
        let lines = room.get_mut(..size)?;
        // SAFETY: there is room for as many lines as there are, and Envoy writes all of them.
        let lines = unsafe {
            envoy_dynamic_module_callback_http_get_headers(
                self.envoy,
                self.kind,
                lines.as_mut_ptr().cast(),
            )
            .then(|| &*(ptr::from_ref(lines) as *const [Line]))
        };
        lines.map(look)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut lines = vec![Line::NONE; self.size()];
        // SAFETY: there is room for as many lines as there are.
        let is_read = unsafe {
            envoy_dynamic_module_callback_http_get_headers(
                self.envoy,
                self.kind,
                lines.as_mut_ptr(),
            )
        };
        if !is_read {
            return Vec::new();
        }
        // SAFETY: nothing changes the map before the bytes are copied.
        let copy = |buffer: Buffer| unsafe { buffer.bytes() }.to_vec();
        let pairs = lines.iter();
        pairs
            .map(|line| (copy(line.name), copy(line.value)))
            .collect()
    }

    fn size(&self) -> usize {
        unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.envoy, self.kind) }
    }

    fn add(&self, name: &str, value: &[u8]) {
        unsafe {
            envoy_dynamic_module_callback_http_add_header(
                self.envoy,
                self.kind,
                Buffer::of(name.as_bytes()),
                Buffer::of(value),
            );
        }
    }

    fn set(&self, name: &str, value: Buffer) {
        unsafe {
            envoy_dynamic_module_callback_http_set_header(
                self.envoy,
                self.kind,
                Buffer::of(name.as_bytes()),
                value,
            );
        }
    }
}

/// The request of the stream whose hook runs.
pub struct Request(HeaderMap);

impl Request {
    /// # Safety
    /// A hook of this stream must be running, for as long as the value is used.
    pub unsafe fn of(envoy: *mut c_void) -> Self {
        Self(HeaderMap { envoy, kind: 0 })
    }

    /// A text in the metadata of its route. Any other value counts as an invalid policy.
    fn route_metadata(&self, namespace: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        let (stream, namespace) = (self.0.envoy, Buffer::of(namespace));
        let lend = |value| unsafe {
            let key = Buffer::of(key);
            envoy_dynamic_module_callback_http_get_metadata_string(
                stream, ROUTE, namespace, key, value,
            )
        };
        let text = lent(lend, <[u8]>::to_vec);
        if text.is_some() {
            return text;
        }
        let size = unsafe {
            envoy_dynamic_module_callback_http_get_metadata_keys_count(stream, ROUTE, namespace)
        };
        let mut keys = vec![Buffer::NONE; size];
        // SAFETY: there is room for as many keys as there are, and nothing changes them here.
        let is_there = unsafe {
            size > 0
                && envoy_dynamic_module_callback_http_get_metadata_keys(
                    stream,
                    ROUTE,
                    namespace,
                    keys.as_mut_ptr(),
                )
                && keys.iter().any(|known| known.bytes() == key)
        };
        is_there.then(Vec::new)
    }

    /// The policy that the configuration of its route carries.
    pub fn route_policy(&self) -> Option<&RoutePolicy> {
        // SAFETY: Envoy gives what the hook for a route's configuration made, and the stream keeps its
        // route while a hook of it runs.
        unsafe {
            let policy = envoy_dynamic_module_callback_get_most_specific_route_config(self.0.envoy);
            policy.cast::<RoutePolicy>().as_ref()
        }
    }

    /// Answers instead of an upstream, with no more lines than any reply has.
    pub fn send<'a>(
        &self,
        status: u16,
        mut lines: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        body: &[u8],
    ) {
        let mut room = [Line::NONE; MOST_LINES];
        let mut size = 0;
        for (place, (name, value)) in room.iter_mut().zip(lines.by_ref()) {
            *place = Line {
                name: Buffer::of(name),
                value: Buffer::of(value),
            };
            size += 1;
        }
        debug_assert!(lines.next().is_none(), "there is room for every line");
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0.envoy,
                u32::from(status),
                room.as_ptr(),
                size,
                Buffer::of(body),
                Buffer::NONE,
            );
        }
    }
}

impl Headers for Request {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.0.value(name)
    }

    fn is_value(&self, name: &str, value: &[u8]) -> bool {
        self.0.is_value(name, value)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.pairs()
    }
}

impl HeadersMut for Request {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.0.add(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.0.set(name, Buffer::NONE);
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        self.0.set(name, Buffer::of(value));
    }
}

impl RequestContext for Request {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        match path {
            ["xds", "route_name"] => {
                let lend = |value| unsafe {
                    envoy_dynamic_module_callback_http_filter_get_attribute_string(
                        self.0.envoy,
                        XDS_ROUTE_NAME,
                        value,
                    )
                };
                lent(lend, <[u8]>::to_vec)
            }
            ["xds", "route_metadata", "filter_metadata", namespace, key] => {
                self.route_metadata(namespace.as_bytes(), key.as_bytes())
            }
            // Modules cannot read the metadata of a virtual host; its configuration takes that place.
            _ => None,
        }
    }

    fn seconds(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    }
}

impl Stream for Request {
    type Counter = Counter;

    fn increment(&self, counter: &Counter) {
        if let Some(id) = counter.0 {
            unsafe {
                envoy_dynamic_module_callback_http_filter_increment_counter(
                    self.0.envoy,
                    id,
                    ptr::null(),
                    0,
                    1,
                );
            }
        }
    }

    fn set_verdict(&self, text: &[u8]) {
        let name = Buffer::of(VERDICT.as_bytes());
        let lend = |value| unsafe {
            envoy_dynamic_module_callback_http_get_filter_state_bytes(self.0.envoy, name, value)
        };
        let is_set = lent(lend, |_| ());
        // Envoy takes it for a bug if one is set twice, as two of these filters in one chain would.
        if is_set.is_none() {
            unsafe {
                envoy_dynamic_module_callback_http_set_filter_state_bytes(
                    self.0.envoy,
                    name,
                    Buffer::of(text),
                );
            }
        }
    }
}

/// The response of the stream whose hook runs. It is looked at once: to remove a header that is not there
/// costs more than to know that.
pub struct Response {
    map: HeaderMap,
    /// The lengths of the names that are there and begin as those of interest do: a set of bits.
    lengths: u64,
}

impl Response {
    /// # Safety
    /// A hook of this stream must be running, for as long as the value is used.
    pub unsafe fn of(envoy: *mut c_void) -> Self {
        let map = HeaderMap { envoy, kind: 2 };
        let lengths = map.lines(|lines| {
            lines.iter().fold(0, |lengths, line| {
                // SAFETY: nothing changes the map before all lines are seen.
                lengths | bit_of(unsafe { line.name.bytes() })
            })
        });
        Self {
            map,
            lengths: lengths.unwrap_or(u64::MAX),
        }
    }

    fn may_have(&self, name: &str) -> bool {
        let bit = bit_of(name.as_bytes());
        bit == 0 || self.lengths & bit != 0
    }
}

/// A bit for the length of a name that a response is asked for often; no bit for any other.
fn bit_of(name: &[u8]) -> u64 {
    let is_of_interest = name.starts_with(b"access-control-") || name == VARY.as_bytes();
    if is_of_interest && name.len() < 64 {
        1 << name.len()
    } else {
        0
    }
}

impl Headers for Response {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.may_have(name).then(|| self.map.value(name)).flatten()
    }

    fn pairs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.map.pairs()
    }
}

impl HeadersMut for Response {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.lengths |= bit_of(name.as_bytes());
        self.map.add(name, value);
    }

    fn remove(&mut self, name: &str) {
        if self.may_have(name) {
            self.map.set(name, Buffer::NONE);
        }
    }

    fn replace(&mut self, name: &str, value: &[u8]) {
        if self.may_have(name) {
            self.map.set(name, Buffer::of(value));
        } else {
            // Costs less than to replace what is not there.
            self.add(name, value);
        }
    }
}

/// A counter of Envoy; one that Envoy does not have counts nothing.
pub struct Counter(Option<usize>);

impl Counter {
    /// Defines a counter of the configuration that Envoy is making.
    pub fn define(envoy: *mut c_void, name: &str) -> Self {
        let mut id = 0;
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_config_define_counter(
                envoy,
                Buffer::of(name.as_bytes()),
                ptr::null(),
                0,
                &raw mut id,
            )
        };
        Self((result == 0).then_some(id))
    }
}

/// Writes what is logged through [`log`] as lines of Envoy's log, of the component `dynamic_modules`.
pub struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("cors: {}", record.args());
        let level = match record.level() {
            log::Level::Error => 4,
            log::Level::Warn => 3,
            log::Level::Info => 2,
            log::Level::Debug => 1,
            log::Level::Trace => 0,
        };
        unsafe { envoy_dynamic_module_callback_log(level, Buffer::of(line.as_bytes())) }
    }

    fn flush(&self) {}
}

/// Calls a function that lends bytes, and looks at them: `look` calls nothing of Envoy.
fn lent<T>(call: impl FnOnce(*mut Buffer) -> bool, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut value = Buffer::NONE;
    // SAFETY: nothing happens between the call and the look.
    call(&raw mut value).then(|| look(unsafe { value.bytes() }))
}

/// As the WebAssembly module's property is named there: formats of access logs hold for both.
const VERDICT: &str = "wasm.cors_verdict";

/// More than any reply has: a granted preflight has at most eight.
const MOST_LINES: usize = 16;

/// The number of the attribute `xds.route_name`.
const XDS_ROUTE_NAME: u32 = 61;

/// The number of a route's metadata.
const ROUTE: u32 = 1;

unsafe extern "C" {
    fn envoy_dynamic_module_callback_get_most_specific_route_config(
        stream: *mut c_void,
    ) -> *const c_void;
    fn envoy_dynamic_module_callback_http_add_header(
        stream: *mut c_void,
        map: u32,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        configuration: *mut c_void,
        name: Buffer,
        labels: *const Buffer,
        labels_size: usize,
        id: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: *mut c_void,
        attribute: u32,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        stream: *mut c_void,
        id: usize,
        labels: *const Buffer,
        labels_size: usize,
        offset: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_get_filter_state_bytes(
        stream: *mut c_void,
        name: Buffer,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_header(
        stream: *mut c_void,
        map: u32,
        name: Buffer,
        value: *mut Buffer,
        index: usize,
        count: *mut usize,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_headers(
        stream: *mut c_void,
        map: u32,
        lines: *mut Line,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_headers_size(stream: *mut c_void, map: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_metadata_keys(
        stream: *mut c_void,
        source: u32,
        namespace: Buffer,
        keys: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_metadata_keys_count(
        stream: *mut c_void,
        source: u32,
        namespace: Buffer,
    ) -> usize;
    fn envoy_dynamic_module_callback_http_get_metadata_string(
        stream: *mut c_void,
        source: u32,
        namespace: Buffer,
        key: Buffer,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        stream: *mut c_void,
        status: u32,
        lines: *const Line,
        lines_size: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
        stream: *mut c_void,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(
        stream: *mut c_void,
        map: u32,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_log(level: u32, text: Buffer);
}

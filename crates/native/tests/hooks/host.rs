//! A host of the interface of dynamic modules: for the module that is linked into this test, the binary acts
//! as Envoy.
//!
//! It is as strict as Envoy may be. Each value that it lends has its own allocation, which is overwritten and
//! freed at the next call that changes something, and at the end of the hook: an address sanitizer sees any
//! later use, and every read beyond its end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_void};
use std::hint::black_box;
use std::marker::PhantomData;
use std::mem::take;
use std::ptr;
use std::sync::Once;

pub use support::header_map::{HeaderMap, Lines};

/// A configuration of the filter, which several threads may use.
pub struct Configuration {
    module: *const c_void,
    counters: Vec<String>,
}

// SAFETY: the interface asks it of the module.
unsafe impl Send for Configuration {}
unsafe impl Sync for Configuration {}

impl Configuration {
    /// `Err` with the log if the module refuses it.
    pub fn new(bytes: &[u8]) -> Result<Self, Vec<LogLine>> {
        start();
        // It is there for the call only.
        let counters: Box<RefCell<Vec<String>>> = Box::default();
        let lent: Box<[u8]> = bytes.into();
        let pointer = ptr::from_ref::<RefCell<Vec<String>>>(&counters);
        let module = unsafe {
            envoy_dynamic_module_on_http_filter_config_new(
                pointer.cast_mut().cast(),
                Buffer::of(b"cors"),
                Buffer::of(&lent),
            )
        };
        expire(lent);
        let log = take_log();
        if module.is_null() {
            return Err(log);
        }
        let counters = counters.into_inner();
        Ok(Self { module, counters })
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        unsafe { envoy_dynamic_module_on_http_filter_config_destroy(self.module) }
    }
}

/// The configuration of a route.
pub struct RouteConfiguration(*const c_void);

// SAFETY: as above.
unsafe impl Send for RouteConfiguration {}
unsafe impl Sync for RouteConfiguration {}

impl RouteConfiguration {
    /// `Err` with the log if the module refuses it.
    pub fn new(bytes: &[u8]) -> Result<Self, Vec<LogLine>> {
        start();
        let lent: Box<[u8]> = bytes.into();
        let module = unsafe {
            envoy_dynamic_module_on_http_filter_per_route_config_new(
                Buffer::of(b"cors"),
                Buffer::of(&lent),
            )
        };
        expire(lent);
        let log = take_log();
        if module.is_null() {
            Err(log)
        } else {
            Ok(Self(module))
        }
    }
}

impl Drop for RouteConfiguration {
    fn drop(&mut self) {
        unsafe { envoy_dynamic_module_on_http_filter_per_route_config_destroy(self.0) }
    }
}

/// What Envoy knows of the route of a request.
#[derive(Clone, Copy, Default)]
pub struct Route<'a> {
    pub configuration: Option<&'a RouteConfiguration>,
    pub name: Option<&'a str>,
    /// The value of the key `policy` in the metadata `cors`: a text, or `Err` if it is another value.
    pub policy: Option<Result<&'a str, ()>>,
}

/// A stream with its filter. Dropping it ends it, in whatever phase it is.
pub struct Stream<'a> {
    filter: *const c_void,
    state: Box<RefCell<State>>,
    configuration: &'a Configuration,
    route: PhantomData<Route<'a>>,
}

impl<'a> Stream<'a> {
    pub fn open(
        configuration: &'a Configuration,
        route: Route<'a>,
        request: Lines,
        fails: Fails,
    ) -> Self {
        let state = Box::new(RefCell::new(State {
            request: HeaderMap::new(request, true),
            route: route.configuration.map_or(ptr::null(), |route| route.0),
            route_name: route.name.map(str::to_owned),
            policy: route.policy.map(|policy| policy.map(str::to_owned)),
            fails,
            ..State::default()
        }));
        let pointer = ptr::from_ref::<RefCell<State>>(&state);
        let filter = unsafe {
            envoy_dynamic_module_on_http_filter_new(configuration.module, pointer.cast_mut().cast())
        };
        Self {
            filter,
            state,
            configuration,
            route: PhantomData,
        }
    }

    /// Runs the request phase: whether the request goes on.
    pub fn request(&mut self) -> bool {
        let status = unsafe {
            envoy_dynamic_module_on_http_filter_request_headers(
                self.pointer(),
                self.filter.cast_mut(),
                true,
            )
        };
        self.state.borrow_mut().end_loans();
        status == CONTINUE
    }

    /// Runs the response phase on these headers.
    pub fn response(&mut self, lines: Lines) {
        self.state.borrow_mut().response = HeaderMap::new(lines, true);
        let status = unsafe {
            envoy_dynamic_module_on_http_filter_response_headers(
                self.pointer(),
                self.filter.cast_mut(),
                false,
            )
        };
        self.state.borrow_mut().end_loans();
        assert_eq!(status, CONTINUE, "a response is never stopped");
    }

    /// Sends the request through both phases, and ends the stream. `upstream` are the headers of the response
    /// if the module does not answer itself.
    pub fn exchange(mut self, upstream: Lines) -> Exchange {
        let goes_on = self.request();
        let (reply, fails) = {
            let mut state = self.state.borrow_mut();
            (state.reply.take(), state.fails)
        };
        let answers = !goes_on;
        if fails(Call::Reply) {
            assert!(reply.is_none());
        } else {
            assert_eq!(
                answers,
                reply.is_some(),
                "a request is stopped exactly when it is answered"
            );
        }
        let upstream_saw = goes_on.then(|| self.state.borrow().request.clone());
        // If the answer fails, the request stops.
        let upstream = if answers { Lines::new() } else { upstream };
        self.response(reply.unwrap_or(upstream));
        let mut state = take(&mut *self.state.borrow_mut());
        let names = &self.configuration.counters;
        let mut counters = BTreeMap::new();
        for id in state.counted {
            *counters.entry(names[id].clone()).or_default() += 1;
        }
        Exchange {
            is_from_module: answers,
            headers: state.response,
            upstream_saw,
            counters,
            verdict: state.filter_state.remove(&b"wasm.cors_verdict"[..]),
            log: take_log(),
        }
    }

    fn pointer(&self) -> *mut c_void {
        ptr::from_ref::<RefCell<State>>(&self.state)
            .cast_mut()
            .cast()
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        unsafe { envoy_dynamic_module_on_http_filter_destroy(self.filter) }
    }
}

/// The result of one request.
pub struct Exchange {
    pub is_from_module: bool,
    pub headers: HeaderMap,
    /// The request's headers as the upstream saw them, if it did.
    pub upstream_saw: Option<HeaderMap>,
    pub counters: BTreeMap<String, u64>,
    /// What an access log shows.
    pub verdict: Option<Vec<u8>>,
    pub log: Vec<LogLine>,
}

impl Exchange {
    pub fn status(&self) -> u16 {
        self.headers.status().unwrap_or_default()
    }
}

/// Which calls of the module fail.
pub type Fails = fn(Call) -> bool;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    Add,
    Attribute,
    Count,
    FilterState,
    Metadata,
    Read,
    ReadAll,
    Remove,
    Replace,
    Reply,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    pub level: u32,
    pub text: String,
}

/// What was logged on this thread since the last call.
pub fn take_log() -> Vec<LogLine> {
    LOG.take()
}

/// The state of a stream.
struct State {
    request: HeaderMap,
    response: HeaderMap,
    route: *const c_void,
    route_name: Option<String>,
    policy: Option<Result<String, ()>>,
    reply: Option<Lines>,
    counted: Vec<usize>,
    filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    loans: Vec<Box<[u8]>>,
    fails: Fails,
}

impl Default for State {
    fn default() -> Self {
        Self {
            request: HeaderMap::default(),
            response: HeaderMap::default(),
            route: ptr::null(),
            route_name: None,
            policy: None,
            reply: None,
            counted: Vec::new(),
            filter_state: BTreeMap::new(),
            loans: Vec::new(),
            fails: |_| false,
        }
    }
}

impl State {
    fn map(&mut self, map: u32) -> &mut HeaderMap {
        match map {
            0 => &mut self.request,
            2 => &mut self.response,
            _ => panic!("no such header map: {map}"),
        }
    }

    fn lend(&mut self, bytes: &[u8]) -> Buffer {
        let loan: Box<[u8]> = bytes.into();
        let buffer = Buffer::of(&loan);
        self.loans.push(loan);
        buffer
    }

    fn end_loans(&mut self) {
        take(&mut self.loans).into_iter().for_each(expire);
    }
}

/// Overwrites bytes that were lent, and frees them: what still points to them reads neither the old value nor,
/// under a sanitizer, anything at all.
fn expire(mut loan: Box<[u8]>) {
    loan.fill(b'?');
    black_box(&loan);
}

/// Loads the module. Its panic hook keeps messages to itself: those of the tests are printed too.
fn start() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let print = std::panic::take_hook();
        let version = unsafe { CStr::from_ptr(envoy_dynamic_module_on_program_init()) };
        assert!(version.to_bytes().starts_with(b"v0."));
        let log = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            log(panic);
            let is_of = |folder| {
                panic
                    .location()
                    .is_some_and(|at| at.file().contains(folder))
            };
            if !is_of("native/src") {
                print(panic);
            }
        }));
    });
}

thread_local! {
    static LOG: RefCell<Vec<LogLine>> = const { RefCell::new(Vec::new()) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// The number of calls that the module made on this thread since the last time.
pub fn take_calls() -> usize {
    CALLS.take()
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Buffer {
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

    fn copy(self) -> Option<Vec<u8>> {
        let bytes = || unsafe { std::slice::from_raw_parts(self.data, self.size) };
        (!self.data.is_null()).then(|| bytes().to_vec())
    }

    /// A name: always text in lower case.
    fn name(self) -> String {
        let name = String::from_utf8(self.copy().expect("a name")).expect("text");
        assert_eq!(name, name.to_lowercase());
        name
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Line {
    name: Buffer,
    value: Buffer,
}

/// Runs a call on a stream; a call that is to fail has no effect.
fn on<T>(stream: *mut c_void, call: Call, failure: T, act: impl FnOnce(&mut State) -> T) -> T {
    CALLS.set(CALLS.get() + 1);
    let state = unsafe { &*stream.cast::<RefCell<State>>() };
    let mut state = state.borrow_mut();
    if (state.fails)(call) {
        return failure;
    }
    if !matches!(
        call,
        Call::Attribute | Call::Metadata | Call::Read | Call::ReadAll
    ) {
        state.end_loans();
    }
    act(&mut state)
}

fn lend_into(state: &mut State, value: Option<Vec<u8>>, out: *mut Buffer) -> bool {
    let buffer = value.as_deref().map(|value| state.lend(value));
    unsafe {
        *out = buffer.unwrap_or(Buffer {
            data: ptr::null(),
            size: 0,
        });
    }
    buffer.is_some()
}

// The functions of Envoy that the module uses.

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_get_most_specific_route_config(
    stream: *mut c_void,
) -> *const c_void {
    CALLS.set(CALLS.get() + 1);
    let state = unsafe { &*stream.cast::<RefCell<State>>() };
    state.borrow().route
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_header(
    stream: *mut c_void,
    map: u32,
    name: Buffer,
    out: *mut Buffer,
    index: usize,
    count: *mut usize,
) -> bool {
    on(stream, Call::Read, false, |state| {
        let name = name.name();
        let lines = state.map(map).lines.iter();
        let values: Vec<Vec<u8>> = lines
            .filter(|(other, _)| *other == name)
            .map(|(_, value)| value.clone())
            .collect();
        if !count.is_null() {
            unsafe { *count = values.len() };
        }
        lend_into(state, values.into_iter().nth(index), out)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_headers_size(
    stream: *mut c_void,
    map: u32,
) -> usize {
    on(stream, Call::ReadAll, 0, |state| state.map(map).lines.len())
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_headers(
    stream: *mut c_void,
    map: u32,
    out: *mut Line,
) -> bool {
    on(stream, Call::ReadAll, false, |state| {
        for (place, (name, value)) in state.map(map).lines.clone().into_iter().enumerate() {
            let line = Line {
                name: state.lend(name.as_bytes()),
                value: state.lend(&value),
            };
            unsafe { out.add(place).write(line) };
        }
        true
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_add_header(
    stream: *mut c_void,
    map: u32,
    name: Buffer,
    value: Buffer,
) -> bool {
    on(stream, Call::Add, false, |state| {
        let value = value.copy().expect("a value");
        state.map(map).add(name.name(), value);
        true
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_set_header(
    stream: *mut c_void,
    map: u32,
    name: Buffer,
    value: Buffer,
) -> bool {
    let value = value.copy();
    let call = if value.is_some() {
        Call::Replace
    } else {
        Call::Remove
    };
    on(stream, call, false, |state| {
        let map = state.map(map);
        map.remove(&name.name());
        if let Some(value) = value {
            map.add(name.name(), value);
        }
        true
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_send_response(
    stream: *mut c_void,
    status: u32,
    lines: *const Line,
    size: usize,
    body: Buffer,
    _details: Buffer,
) {
    on(stream, Call::Reply, (), |state| {
        assert!(state.reply.is_none(), "a request is answered once");
        let mut reply = vec![(":status".to_owned(), status.to_string().into_bytes())];
        for place in 0..size {
            let line = unsafe { lines.add(place).read() };
            reply.push((line.name.name(), line.value.copy().expect("a value")));
        }
        let _ = body.copy();
        state.reply = Some(reply);
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_define_counter(
    configuration: *mut c_void,
    name: Buffer,
    _labels: *const Buffer,
    labels_size: usize,
    id: *mut usize,
) -> u32 {
    assert_eq!(labels_size, 0);
    let counters = unsafe { &*configuration.cast::<RefCell<Vec<String>>>() };
    let mut counters = counters.borrow_mut();
    unsafe { *id = counters.len() };
    counters.push(name.name());
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_increment_counter(
    stream: *mut c_void,
    id: usize,
    _labels: *const Buffer,
    labels_size: usize,
    offset: u64,
) -> u32 {
    assert_eq!((labels_size, offset), (0, 1));
    on(stream, Call::Count, 1, |state| {
        state.counted.push(id);
        0
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_filter_state_bytes(
    stream: *mut c_void,
    name: Buffer,
    out: *mut Buffer,
) -> bool {
    on(stream, Call::FilterState, false, |state| {
        let value = state.filter_state.get(name.name().as_bytes()).cloned();
        lend_into(state, value, out)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
    stream: *mut c_void,
    name: Buffer,
    value: Buffer,
) -> bool {
    on(stream, Call::FilterState, false, |state| {
        let name = name.name().into_bytes();
        let before = state
            .filter_state
            .insert(name, value.copy().expect("a value"));
        assert_eq!(before, None, "Envoy takes it for a bug");
        true
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
    stream: *mut c_void,
    attribute: u32,
    out: *mut Buffer,
) -> bool {
    on(stream, Call::Attribute, false, |state| {
        assert_eq!(attribute, XDS_ROUTE_NAME);
        let name = state.route_name.clone().map(String::into_bytes);
        lend_into(state, name, out)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_metadata_string(
    stream: *mut c_void,
    source: u32,
    namespace: Buffer,
    key: Buffer,
    out: *mut Buffer,
) -> bool {
    on(stream, Call::Metadata, false, |state| {
        let is_asked = source == ROUTE && namespace.name() == "cors" && key.name() == "policy";
        let policy = state.policy.clone().filter(|_| is_asked);
        let text = policy.and_then(Result::ok).map(String::into_bytes);
        lend_into(state, text, out)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_metadata_keys_count(
    stream: *mut c_void,
    source: u32,
    namespace: Buffer,
) -> usize {
    on(stream, Call::Metadata, 0, |state| {
        let is_asked = source == ROUTE && namespace.name() == "cors";
        usize::from(is_asked && state.policy.is_some())
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_metadata_keys(
    stream: *mut c_void,
    _source: u32,
    _namespace: Buffer,
    out: *mut Buffer,
) -> bool {
    on(stream, Call::Metadata, false, |state| {
        lend_into(state, Some(b"policy".to_vec()), out)
    })
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log(level: u32, text: Buffer) {
    let text = String::from_utf8(text.copy().expect("a line")).expect("text");
    LOG.with_borrow_mut(|log| log.push(LogLine { level, text }));
}

// The hooks of the module.

unsafe extern "C" {
    fn envoy_dynamic_module_on_program_init() -> *const c_char;
    fn envoy_dynamic_module_on_http_filter_config_new(
        envoy: *mut c_void,
        name: Buffer,
        configuration: Buffer,
    ) -> *const c_void;
    fn envoy_dynamic_module_on_http_filter_config_destroy(configuration: *const c_void);
    fn envoy_dynamic_module_on_http_filter_per_route_config_new(
        name: Buffer,
        configuration: Buffer,
    ) -> *const c_void;
    fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(configuration: *const c_void);
    fn envoy_dynamic_module_on_http_filter_new(
        configuration: *const c_void,
        envoy: *mut c_void,
    ) -> *const c_void;
    fn envoy_dynamic_module_on_http_filter_destroy(filter: *const c_void);
    fn envoy_dynamic_module_on_http_filter_request_headers(
        envoy: *mut c_void,
        filter: *mut c_void,
        end_of_stream: bool,
    ) -> u32;
    fn envoy_dynamic_module_on_http_filter_response_headers(
        envoy: *mut c_void,
        filter: *mut c_void,
        end_of_stream: bool,
    ) -> u32;
}

const CONTINUE: u32 = 0;
const XDS_ROUTE_NAME: u32 = 61;
const ROUTE: u32 = 1;

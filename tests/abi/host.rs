//! A host of the proxy-wasm ABI: for the filter that is linked into this test, the binary acts as Envoy.
//!
//! One [`Vm`] per thread, as the filter keeps its contexts by thread. A panic in the filter cannot
//! unwind through `extern "C"` and aborts the test binary; its message is the last thing printed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::mem::take;
use std::ptr::{copy_nonoverlapping, null_mut};
use std::rc::Rc;
use std::slice;

pub use support::header_map::{HeaderMap, Lines};

/// The differences of a host from Envoy, which is the default.
#[derive(Clone)]
pub struct Difference {
    /// The module is asked for memory for an empty value too, and null is a failure of the call.
    pub asks_for_empty_room: bool,
    /// Several lines of a header are shown as one, joined with commas.
    pub joins_lines: bool,
    pub own_replies: OwnReplies,
    /// The status of a call that fails without an effect.
    pub refuses: Refuses,
}

/// When the filter's own reply goes through its response phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnReplies {
    ComeBack,
    /// Within the call that sends the reply.
    ComeBackAtOnce,
    DoNotComeBack,
}

type Refuses = Rc<dyn Fn(&Entry) -> Option<u32>>;

impl Default for Difference {
    fn default() -> Self {
        Difference {
            asks_for_empty_room: false,
            joins_lines: true,
            own_replies: OwnReplies::ComeBack,
            refuses: Rc::new(|_| None),
        }
    }
}

/// The VM of this thread, with the module in it.
pub struct Vm(());

impl Vm {
    pub fn start(difference: Difference) -> Self {
        with(|host| {
            *host = Host {
                difference,
                ..Host::default()
            }
        });
        cors_initialize();
        Vm(())
    }

    /// A new plugin with this configuration, or the log if the configuration is rejected.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<Plugin, Vec<LogLine>> {
        let plugin = self.create_plugin();
        match self.offer(&plugin, configuration) {
            (true, _) => Ok(plugin),
            (false, log) => {
                self.remove(plugin);
                Err(log)
            }
        }
    }

    pub fn create_plugin(&mut self) -> Plugin {
        let root = next_context();
        cors_on_context_create(root, 0);
        Plugin { root }
    }

    /// Sends a configuration: whether it is accepted, and the log.
    pub fn offer(&mut self, plugin: &Plugin, configuration: &[u8]) -> (bool, Vec<LogLine>) {
        with(|host| {
            host.phase = Phase::Configure;
            host.configuration = configuration.to_vec();
        });
        let accepted = cors_on_configure(plugin.root, configuration.len()) != 0;
        let log = with(|host| {
            host.configured = take(&mut host.calls);
            take(&mut host.log)
        });
        (accepted, log)
    }

    /// Sends a request through only the request phase: a stream that stays open. `false` if the filter
    /// answers.
    pub fn open(&mut self, plugin: &Plugin, request: Lines) -> (u32, bool) {
        let context = next_context();
        cors_on_context_create(context, plugin.root);
        (context, self.send_headers(context, request))
    }

    /// The request headers of a stream, which should be there. `false` if the filter answers.
    pub fn send_headers(&mut self, context: u32, request: Lines) -> bool {
        let count = request.len();
        with(|host| {
            host.phase = Phase::Request;
            host.context = context;
            host.request = Some(HeaderMap::new(request, host.difference.joins_lines));
        });
        cors_on_request_headers(context, count, 1) != PAUSE
    }

    /// The response headers of a stream, which should be there: what is left of them.
    pub fn send_response(&mut self, context: u32, response: Lines) -> HeaderMap {
        let count = response.len();
        with(|host| {
            host.phase = Phase::Response;
            host.response = Some(HeaderMap::new(response, host.difference.joins_lines));
        });
        let action = cors_on_response_headers(context, count, 0);
        assert_ne!(action, PAUSE, "a response is never stopped");
        with(|host| host.response.take().unwrap_or_default())
    }

    /// The last reply of the filter's, and what it logged.
    pub fn take_reply(&mut self) -> Option<(Lines, Vec<LogLine>)> {
        with(|host| {
            host.reply
                .take()
                .map(|(lines, _)| (lines, take(&mut host.log)))
        })
    }

    /// Drops the host's records of streams.
    pub fn forget_calls(&mut self) {
        with(|host| {
            *host = Host {
                difference: host.difference.clone(),
                metrics: take(&mut host.metrics),
                ..Host::default()
            }
        });
    }

    /// Sends a request through the filter: request phase, upstream (unless the filter answers),
    /// response phase.
    pub fn send(&mut self, plugin: &Plugin, request: Lines, upstream: Lines) -> Exchange {
        let (context, goes_on) = self.open(plugin, request);
        let stopped = !goes_on;

        let (reply, answers) = with(|host| {
            let answers = host.calls.iter().any(|entry| entry.call == Call::Reply);
            (host.reply.take(), answers)
        });
        assert_eq!(
            stopped, answers,
            "a request is stopped exactly when it is answered"
        );
        let from_filter = reply.is_some();
        // If the host refuses the answer, the request stops.
        let upstream = if stopped { Lines::new() } else { upstream };
        let (lines, body) = reply.unwrap_or((upstream, Vec::new()));
        let count = lines.len();
        let (upstream_saw, comes_back) = with(|host| {
            host.phase = Phase::Response;
            host.response = Some(HeaderMap::new(lines, host.difference.joins_lines));
            let upstream_saw = host.request.take().filter(|_| !from_filter);
            (
                upstream_saw,
                !from_filter || host.difference.own_replies == OwnReplies::ComeBack,
            )
        });
        if comes_back {
            let action = cors_on_response_headers(context, count, 0);
            assert_ne!(action, PAUSE, "a response is never stopped");
        }
        self.end(context);
        with(|host| Exchange {
            from_filter,
            headers: host.response.take().unwrap_or_default(),
            body,
            upstream_saw,
            calls: take(&mut host.calls),
            counters: take(&mut host.counters),
            log: take(&mut host.log),
            properties: take(&mut host.properties_set),
        })
    }

    /// The calls that the last configuration made.
    pub fn calls_of_configuration(&self) -> Vec<Entry> {
        with(|host| host.configured.clone())
    }

    /// Ends a plugin, as when an update has replaced it.
    pub fn remove(&mut self, plugin: Plugin) {
        self.end(plugin.root);
    }

    /// Sets or removes a property of the host, by its dotted path.
    pub fn set_property(&mut self, path: &str, value: Option<&str>) {
        with(|host| match value {
            Some(value) => host.properties.insert(path.into(), value.into()),
            None => host.properties.remove(path),
        });
    }

    pub fn set_clock(&mut self, nanoseconds: u64) {
        with(|host| host.clock = nanoseconds);
    }

    /// Ends a stream or a plugin.
    pub fn end(&mut self, context: u32) {
        with(|host| host.phase = Phase::End);
        cors_on_delete(context);
    }
}

/// A context's id, never used twice: the filter's contexts outlive a [`Vm`].
fn next_context() -> u32 {
    LAST_CONTEXT.replace(LAST_CONTEXT.get() + 1) + 1
}

/// A root context.
pub struct Plugin {
    root: u32,
}

impl Plugin {
    /// One whose context is never created.
    pub fn without_context() -> Self {
        Self {
            root: next_context(),
        }
    }
}

/// The result of one request.
pub struct Exchange {
    pub from_filter: bool,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The request's headers as the upstream saw them, if it did.
    pub upstream_saw: Option<HeaderMap>,
    pub calls: Vec<Entry>,
    pub counters: BTreeMap<String, i64>,
    pub log: Vec<LogLine>,
    pub properties: BTreeMap<String, Vec<u8>>,
}

impl Exchange {
    pub fn status(&self) -> u16 {
        self.headers.status().expect("a status")
    }
}

/// One call that the filter made.
#[derive(Clone, Debug)]
pub struct Entry {
    pub phase: Phase,
    pub call: Call,
    /// The header, metric or property.
    pub name: String,
    /// Whether there was a value to read or to remove.
    pub found: bool,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry {
            phase,
            call,
            name,
            found,
        } = self;
        write!(
            f,
            "{phase:?}: {call:?} {name} {}",
            if *found { "(found)" } else { "" }
        )
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    Add,
    Clock,
    Count,
    DefineMetric,
    Foreign,
    Log,
    Property,
    Read,
    ReadAll,
    ReadConfiguration,
    Remove,
    Replace,
    Reply,
    SetProperty,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Phase {
    #[default]
    Configure,
    End,
    Request,
    Response,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    pub level: u32,
    pub text: String,
}

#[derive(Default)]
struct Host {
    difference: Difference,
    phase: Phase,
    /// The stream whose request was last sent.
    context: u32,
    configuration: Vec<u8>,
    properties: BTreeMap<String, Vec<u8>>,
    clock: u64,
    metrics: Vec<String>,
    request: Option<HeaderMap>,
    response: Option<HeaderMap>,
    reply: Option<(Lines, Vec<u8>)>,
    calls: Vec<Entry>,
    /// The calls of the last configuration.
    configured: Vec<Entry>,
    counters: BTreeMap<String, i64>,
    log: Vec<LogLine>,
    properties_set: BTreeMap<String, Vec<u8>>,
}

impl Host {
    /// Records a call and returns whether it may take effect.
    fn admit(&mut self, call: Call, name: &str, found: bool) -> Result<(), u32> {
        let entry = Entry {
            phase: self.phase,
            call,
            name: name.into(),
            found,
        };
        let refused = (self.difference.refuses)(&entry);
        self.calls.push(entry);
        refused.map_or(Ok(()), Err)
    }

    /// The header map that is accessible in this phase.
    fn map(&mut self, map: u32) -> Result<&mut HeaderMap, u32> {
        let map = match map {
            0 => self.request.as_mut(),
            2 => self.response.as_mut(),
            _ => None,
        };
        map.ok_or(BAD_ARGUMENT)
    }
}

thread_local! {
    static LAST_CONTEXT: Cell<u32> = const { Cell::new(0) };
    static HOST: RefCell<Host> = RefCell::default();
}

fn with<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(act)
}

/// Runs an import: its status is 0 or the error.
fn import(act: impl FnOnce(&mut Host) -> Result<(), u32>) -> u32 {
    with(|host| act(host).err().unwrap_or(OK))
}

/// Copies bytes into memory that the module allocates and then owns.
fn hand(host: &Host, bytes: &[u8], data: *mut *mut u8, size: *mut usize) -> Result<(), u32> {
    let at = match bytes.len() {
        0 if !host.difference.asks_for_empty_room => null_mut(),
        len => {
            let at = cors_on_memory_allocate(len);
            if at.is_null() {
                return Err(INTERNAL_FAILURE);
            }
            at
        }
    };
    unsafe {
        copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
        *data = at;
        *size = bytes.len();
    }
    Ok(())
}

fn bytes(at: *const u8, size: usize) -> Vec<u8> {
    match size {
        0 => Vec::new(),
        _ => unsafe { slice::from_raw_parts(at, size) }.to_vec(),
    }
}

/// A name or a log line: always text.
fn text(at: *const u8, size: usize) -> String {
    String::from_utf8(bytes(at, size)).expect("names and log lines are UTF-8")
}

fn path(at: *const u8, size: usize) -> String {
    text(at, size).replace('\0', ".")
}

/// Reads a list of headers: their count, the sizes of each name and value, then the bytes, each
/// with a closing NUL.
fn read_pairs(list: &[u8]) -> Lines {
    let Some((count, mut sizes)) = list.split_first_chunk::<4>() else {
        return Lines::new();
    };
    let count = u32::from_le_bytes(*count) as usize;
    let mut fields = &sizes[8 * count..];
    let mut field = || {
        let (size, other_sizes) = sizes
            .split_first_chunk::<4>()
            .expect("a size for each field");
        let (field, rest) = fields.split_at(u32::from_le_bytes(*size) as usize);
        (sizes, fields) = (other_sizes, &rest[1..]);
        field.to_vec()
    };
    let lines = (0..count)
        .map(|_| (String::from_utf8(field()).expect("a name"), field()))
        .collect();
    assert!(
        fields.is_empty(),
        "the list of headers ends where its sizes say"
    );
    lines
}

fn write_pairs(lines: &Lines) -> Vec<u8> {
    let fields = lines
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), value]);
    let mut list = (lines.len() as u32).to_le_bytes().to_vec();
    list.extend(
        fields
            .clone()
            .flat_map(|field| (field.len() as u32).to_le_bytes()),
    );
    list.extend(fields.flat_map(|field| field.iter().copied().chain([0])));
    list
}

// The imports of the module. The signatures are the ABI's, with pointers as wide as this machine's.

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, line: *const u8, size: usize) -> u32 {
    import(|host| {
        let text = text(line, size);
        host.admit(Call::Log, "", false)?;
        host.log.push(LogLine { level, text });
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    import(|host| {
        host.admit(Call::Clock, "", true)?;
        unsafe { *time = host.clock };
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    max_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    import(|host| {
        let found = buffer == PLUGIN_CONFIGURATION;
        host.admit(Call::ReadConfiguration, "", found)?;
        if !found {
            return Err(NOT_FOUND);
        }
        let rest = host.configuration.iter().skip(start);
        let bytes: Vec<_> = rest.take(max_size).copied().collect();
        hand(host, &bytes, data, size)
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    import(|host| {
        let name = text(name, name_size);
        let value = host.map(map).map(|map| map.read(&name).map(<[u8]>::to_vec));
        host.admit(Call::Read, &name, matches!(value, Ok(Some(_))))?;
        hand(host, &value?.ok_or(NOT_FOUND)?, data, size)
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32 {
    import(|host| {
        host.admit(Call::ReadAll, "", true)?;
        let list = write_pairs(&host.map(map)?.lines);
        hand(host, &list, data, size)
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    import(|host| {
        let name = text(name, name_size);
        host.admit(Call::Add, &name, false)?;
        host.map(map)?.add(name, bytes(value, value_size));
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    import(|host| {
        let name = text(name, name_size);
        host.admit(Call::Replace, &name, false)?;
        let map = host.map(map)?;
        map.remove(&name);
        map.add(name, bytes(value, value_size));
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(map: u32, name: *const u8, size: usize) -> u32 {
    import(|host| {
        let name = text(name, size);
        let found = host.map(map).is_ok_and(|map| map.read(&name).is_some());
        host.admit(Call::Remove, &name, found)?;
        host.map(map)?.remove(&name);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    status: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc_status: i32,
) -> u32 {
    let outcome = import(|host| {
        host.admit(Call::Reply, &status.to_string(), false)?;
        let mut lines = vec![(":status".into(), status.to_string().into())];
        lines.extend(read_pairs(&bytes(headers, headers_size)));
        host.reply = Some((lines, bytes(body, body_size)));
        Ok(())
    });
    let (at_once, context) = with(|host| {
        (
            host.difference.own_replies == OwnReplies::ComeBackAtOnce,
            host.context,
        )
    });
    if at_once && outcome == OK {
        let action = cors_on_response_headers(context, 0, 0);
        assert_ne!(action, PAUSE, "a response is never stopped");
    }
    outcome
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(
    at: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    import(|host| {
        let path = path(at, path_size);
        let value = host.properties.get(&path).cloned();
        host.admit(Call::Property, &path, value.is_some())?;
        hand(host, &value.ok_or(NOT_FOUND)?, data, size)
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(
    at: *const u8,
    path_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    import(|host| {
        let path = path(at, path_size);
        host.admit(Call::SetProperty, &path, false)?;
        host.properties_set.insert(path, bytes(value, value_size));
        Ok(())
    })
}

/// A foreign function of the host: for `declare_property`, the name of the property is recorded.
#[unsafe(no_mangle)]
extern "C" fn proxy_call_foreign_function(
    name: *const u8,
    name_size: usize,
    arguments: *const u8,
    arguments_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    import(|host| {
        let name = text(name, name_size);
        let arguments = bytes(arguments, arguments_size);
        host.admit(
            Call::Foreign,
            &format!("{name} {}", arguments.escape_ascii()),
            false,
        )?;
        hand(host, &[], data, size)
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(_kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32 {
    import(|host| {
        let name = text(name, size);
        host.admit(Call::DefineMetric, &name, false)?;
        unsafe { *id = host.metrics.len() as u32 };
        host.metrics.push(name);
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, by: i64) -> u32 {
    import(|host| {
        let name = host.metrics.get(id as usize).cloned();
        host.admit(Call::Count, name.as_deref().unwrap_or_default(), false)?;
        *host.counters.entry(name.ok_or(NOT_FOUND)?).or_default() += by;
        Ok(())
    })
}

/// Imports of the SDK, whose dispatcher is linked but not entered: never called here.
macro_rules! unimplemented {
    ($($name:ident)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name() -> u32 {
            UNIMPLEMENTED
        })*
    };
}

unimplemented! {
    proxy_close_stream
    proxy_continue_stream
    proxy_dequeue_shared_queue
    proxy_done
    proxy_enqueue_shared_queue
    proxy_get_log_level
    proxy_get_shared_data
    proxy_get_status
    proxy_grpc_call
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_grpc_send
    proxy_grpc_stream
    proxy_http_call
    proxy_register_shared_queue
    proxy_resolve_shared_queue
    proxy_set_buffer_bytes
    proxy_set_effective_context
    proxy_set_header_map_pairs
    proxy_set_shared_data
    proxy_set_tick_period_milliseconds
}

// The callbacks of the module.

unsafe extern "C" {
    safe fn cors_initialize();
    safe fn cors_on_configure(context: u32, size: usize) -> u32;
    safe fn cors_on_context_create(context: u32, root: u32);
    safe fn cors_on_delete(context: u32);
    safe fn cors_on_memory_allocate(size: usize) -> *mut u8;
    safe fn cors_on_request_headers(context: u32, headers: usize, end_of_stream: u32) -> u32;
    safe fn cors_on_response_headers(context: u32, headers: usize, end_of_stream: u32) -> u32;
}

pub const OK: u32 = 0;
pub const NOT_FOUND: u32 = 1;
pub const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;
pub const UNIMPLEMENTED: u32 = 12;
const PAUSE: u32 = 1;
const PLUGIN_CONFIGURATION: u32 = 7;

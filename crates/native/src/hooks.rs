//! What Envoy calls. A panic ends here, not in Envoy: the request gets a 500, a response is sent without
//! any grant. <https://github.com/envoyproxy/envoy/blob/main/source/extensions/dynamic_modules/abi/abi.h>

#![expect(
    unsafe_code,
    reason = "Envoy calls extern functions, with pointers that they gave it"
)]

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use cors::policy::answer::remove_grant;
use cors::select::route_policy::RoutePolicy;
use log::LevelFilter;

use super::filter::{Configuration, Filter, read_route_policy};
use super::host::{Buffer, Counter, Logger, Request, Response};

/// The version of the interface that this was written for. An Envoy of another one loads the module with a
/// warning; what is used here has been the same since the first version with a number.
const VERSION: &[u8] = b"v0.2.0\0";

/// The module is loaded.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    // An error says that there is a logger already, which is this one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(LevelFilter::Info);
    // No message, which can hold values of a request: the location is enough.
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            log::error!("panicked at {place}");
        }
    }));
    VERSION.as_ptr().cast()
}

/// Null refuses the configuration.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    envoy: *mut c_void,
    _name: Buffer,
    configuration: Buffer,
) -> *const c_void {
    let read = || {
        // SAFETY: Envoy lends the bytes until this returns.
        let bytes = unsafe { configuration.bytes() };
        Configuration::read(bytes, |name| Counter::define(envoy, name))
    };
    handle(guarded(read).flatten())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(
    configuration: *const c_void,
) {
    // SAFETY: it was made by the hook above, and Envoy has dropped the last filter that used it.
    unsafe { destroy::<Configuration>(configuration) }
}

/// Null refuses the configuration of a route.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_new(
    _name: Buffer,
    configuration: Buffer,
) -> *const c_void {
    let read = || {
        // SAFETY: Envoy lends the bytes until this returns.
        read_route_policy(unsafe { configuration.bytes() })
    };
    handle(guarded(read).flatten())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(
    configuration: *const c_void,
) {
    // SAFETY: it was made by the hook above, and Envoy has dropped the last route that had it.
    unsafe { destroy::<RoutePolicy>(configuration) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    configuration: *const c_void,
    _envoy: *mut c_void,
) -> *const c_void {
    handle(Some(Stream {
        configuration: configuration.cast(),
        filter: Filter::default(),
    }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(stream: *const c_void) {
    // SAFETY: it was made by the hook above, for this stream, which has ended.
    unsafe { destroy::<Stream>(stream) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: *mut c_void,
    stream: *mut c_void,
    _end_of_stream: bool,
) -> u32 {
    let answered = guarded(|| {
        // SAFETY: Envoy runs the hooks of a stream on one thread, one after the other, and keeps the
        // configuration until the last filter of it is gone.
        let Stream {
            configuration,
            filter,
        } = unsafe { &mut *stream.cast::<Stream>() };
        let configuration = unsafe { &**configuration };
        // SAFETY: the hook runs for this stream.
        let mut request = unsafe { Request::of(envoy) };
        match filter.on_request(configuration, &mut request) {
            Some(reply) => {
                request.send(reply.status, reply.headers.iter(), reply.body.as_bytes());
                true
            }
            None => false,
        }
    });
    match answered {
        Some(false) => CONTINUE,
        Some(true) => STOP,
        None => {
            // SAFETY: as above.
            guarded(|| unsafe { Request::of(envoy) }.send(500, [].into_iter(), b""));
            STOP
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    envoy: *mut c_void,
    stream: *mut c_void,
    _end_of_stream: bool,
) -> u32 {
    let amended = guarded(|| {
        // SAFETY: as in the hook of the request.
        let stream = unsafe { &*stream.cast::<Stream>() };
        stream.filter.on_response(|| unsafe { Response::of(envoy) });
    });
    if amended.is_none() {
        // SAFETY: as above.
        guarded(|| remove_grant(&mut unsafe { Response::of(envoy) }, true));
    }
    CONTINUE
}

/// What Envoy keeps for a stream.
struct Stream {
    configuration: *const Configuration,
    filter: Filter,
}

/// Runs what may panic; `None` if it did. After that Envoy calls this stream's hooks again, which find
/// every value whole: at worst a judgement that no response will have.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// A value for Envoy to keep.
fn handle<T>(value: Option<T>) -> *const c_void {
    value.map_or(ptr::null(), |value| Box::into_raw(Box::new(value)).cast())
}

/// # Safety
/// The pointer is null, or is a [`handle`] of this type that nobody uses any more.
unsafe fn destroy<T>(handle: *const c_void) {
    if !handle.is_null() {
        guarded(|| drop(unsafe { Box::from_raw(handle.cast_mut().cast::<T>()) }));
    }
}

/// Defines hooks that Envoy requires and that have nothing to do.
macro_rules! nothing_to_do {
    ($($name:ident($($argument:ty),*) $(-> $status:expr)?;)*) => {$(
        nothing_to_do!(@ $name($($argument),*) $(-> $status)?);
    )*};
    (@ $name:ident($($argument:ty),*)) => {
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) {}
    };
    (@ $name:ident($($argument:ty),*) -> $status:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) -> u32 {
            $status
        }
    };
}

type Pointer = *mut c_void;

nothing_to_do! {
    envoy_dynamic_module_on_http_filter_request_body(Pointer, Pointer, bool) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_request_trailers(Pointer, Pointer) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_response_body(Pointer, Pointer, bool) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_response_trailers(Pointer, Pointer) -> CONTINUE;
    envoy_dynamic_module_on_http_filter_stream_complete(Pointer, Pointer);
    envoy_dynamic_module_on_http_filter_scheduled(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_http_callout_done(
        Pointer, Pointer, u64, u32, Pointer, usize, Pointer, usize
    );
    envoy_dynamic_module_on_http_filter_http_stream_headers(
        Pointer, Pointer, u64, Pointer, usize, bool
    );
    envoy_dynamic_module_on_http_filter_http_stream_data(
        Pointer, Pointer, u64, Pointer, usize, bool
    );
    envoy_dynamic_module_on_http_filter_http_stream_trailers(
        Pointer, Pointer, u64, Pointer, usize
    );
    envoy_dynamic_module_on_http_filter_http_stream_complete(Pointer, Pointer, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(Pointer, Pointer, u64, u32);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(
        Pointer, Pointer
    );
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(
        Pointer, Pointer
    );
}

const CONTINUE: u32 = 0;

const STOP: u32 = 1;

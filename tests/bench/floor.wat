;; The floor: the host calls of a CORS filter for the policy of tests/bench/bench.py, in the order of our
;; module (tests/bench/trace.mjs compares them), and almost nothing between them. Its remaining cost is that
;; of the sandbox.
;;
;; Addresses: 0 and 4 receive the address and size of a returned value, 16 to 36 hold the counters'
;; numbers; from 1024 texts, from 65536 a state for each stream, from 131072 returned values.
(module
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $count (param i32 i64) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 131072))
  (data (i32.const 1024) "origin")
  (data (i32.const 1030) ":method")
  (data (i32.const 1037) "vary")
  (data (i32.const 1041) "Origin")
  (data (i32.const 1047) "true")
  (data (i32.const 1051) "https://app.example.com")
  (data (i32.const 1074) "x-request-id")
  (data (i32.const 1086) "access-control-request-method")
  (data (i32.const 1115) "access-control-allow-origin")
  (data (i32.const 1142) "access-control-allow-credentials")
  (data (i32.const 1174) "access-control-expose-headers")
  (data (i32.const 1203) "access-control-allow-methods")
  (data (i32.const 1231) "access-control-allow-headers")
  (data (i32.const 1259) "access-control-max-age")
  (data (i32.const 1281) "access-control-allow-private-network")
  (data (i32.const 1317) "cors_verdict")
  (data (i32.const 1329) "origin top-level policy")
  (data (i32.const 1352) "cors.preflight_allowed")
  (data (i32.const 1374) "cors.preflight_refused")
  (data (i32.const 1396) "cors.refused.origin")
  (data (i32.const 1415) "cors.request_allowed")
  (data (i32.const 1435) "cors.request_refused")
  (data (i32.const 1455) "\07\00\00\00\1b\00\00\00\17\00\00\00 \00\00\00\04\00\00\00\1c\00\00\00\16\00\00\00\1c\00\00\00\1b\00\00\00\1d\00\00\00\0c\00\00\00\16\00\00\00\03\00\00\00\04\00\00\00\06\00\00\00access-control-allow-origin\00https://app.example.com\00access-control-allow-credentials\00true\00access-control-allow-methods\00GET, POST, PUT, DELETE\00access-control-allow-headers\00content-type, authorization\00access-control-expose-headers\00x-request-id\00access-control-max-age\00600\00vary\00Origin\00")
  (data (i32.const 1796) "\02\00\00\00\04\00\00\00\06\00\00\00\0d\00\00\00\08\00\00\00vary\00Origin\00cache-control\00no-store\00")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_delete") (param i32))

  ;; No returned value outlives its callback.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $define (i32.const 0) (i32.const 1352) (i32.const 22) (i32.const 16)) drop
    (call $define (i32.const 0) (i32.const 1374) (i32.const 22) (i32.const 20)) drop
    (call $define (i32.const 0) (i32.const 1396) (i32.const 19) (i32.const 24)) drop
    (call $define (i32.const 0) (i32.const 1415) (i32.const 20) (i32.const 28)) drop
    (call $define (i32.const 0) (i32.const 1435) (i32.const 20) (i32.const 32)) drop
    (i32.const 1))

  ;; The address of a stream's state: 0 no Origin, 1 allowed, 2 refused, 3 answered.
  (func $state (param $stream i32) (result i32)
    (i32.add (i32.const 65536) (i32.and (local.get $stream) (i32.const 65535))))

  ;; The origin that was read is 23 bytes long and ends in app.example.com: enough for the bench.
  (func $is_allowed (result i32)
    (i32.and
      (i32.eq (i32.load (i32.const 4)) (i32.const 23))
      (i64.eq (i64.load offset=8 (i32.load (i32.const 0))) (i64.load (i32.const 1059)))))

  (func (export "proxy_on_request_headers") (param $stream i32) (param i32 i32) (result i32)
    (local $allowed i32)
    (global.set $free (i32.const 131072))
    (i32.store8 (call $state (local.get $stream)) (i32.const 0))
    (if (i32.ne (call $get (i32.const 0) (i32.const 1024) (i32.const 6) (i32.const 0) (i32.const 4)) (i32.const 0))
      (then (return (i32.const 0))))
    (local.set $allowed (call $is_allowed))
    (if (i32.eqz (call $get (i32.const 0) (i32.const 1086) (i32.const 29) (i32.const 0) (i32.const 4)))
      (then
        (call $get (i32.const 0) (i32.const 1030) (i32.const 7) (i32.const 0) (i32.const 4)) drop
        (i32.store8 (call $state (local.get $stream)) (i32.const 3))
        (if (local.get $allowed)
          (then
            (call $count (i32.load (i32.const 16)) (i64.const 1)) drop
            (call $reply (i32.const 204) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 1455) (i32.const 341) (i32.const -1)) drop)
          (else
            (call $count (i32.load (i32.const 20)) (i64.const 1)) drop
            (call $count (i32.load (i32.const 24)) (i64.const 1)) drop
            (call $set_property (i32.const 1317) (i32.const 12) (i32.const 1329) (i32.const 23)) drop
            (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 1796) (i32.const 55) (i32.const -1)) drop))
        (return (i32.const 1))))
    (if (local.get $allowed)
      (then
        (call $count (i32.load (i32.const 28)) (i64.const 1)) drop
        (i32.store8 (call $state (local.get $stream)) (i32.const 1)))
      (else
        (call $count (i32.load (i32.const 32)) (i64.const 1)) drop
        (call $count (i32.load (i32.const 24)) (i64.const 1)) drop
        (call $set_property (i32.const 1317) (i32.const 12) (i32.const 1329) (i32.const 23)) drop
        (i32.store8 (call $state (local.get $stream)) (i32.const 2))))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param $stream i32) (param i32 i32) (result i32)
    (local $state i32)
    (global.set $free (i32.const 131072))
    (local.set $state (i32.load8_u (call $state (local.get $stream))))
    (if (i32.eq (local.get $state) (i32.const 3))
      (then (return (i32.const 0))))
    ;; In the bench no response has Vary, so there is nothing to merge.
    (call $get (i32.const 2) (i32.const 1037) (i32.const 4) (i32.const 0) (i32.const 4)) drop
    (call $add (i32.const 2) (i32.const 1037) (i32.const 4) (i32.const 1041) (i32.const 6)) drop
    (if (i32.eqz (local.get $state))
      (then
        (call $remove (i32.const 2) (i32.const 1115) (i32.const 27)) drop
        (return (i32.const 0))))
    (if (i32.eq (local.get $state) (i32.const 1))
      (then
        (call $replace (i32.const 2) (i32.const 1115) (i32.const 27) (i32.const 1051) (i32.const 23)) drop
        (call $replace (i32.const 2) (i32.const 1142) (i32.const 32) (i32.const 1047) (i32.const 4)) drop
        (call $replace (i32.const 2) (i32.const 1174) (i32.const 29) (i32.const 1074) (i32.const 12)) drop)
      (else
        (call $remove (i32.const 2) (i32.const 1115) (i32.const 27)) drop
        (call $remove (i32.const 2) (i32.const 1142) (i32.const 32)) drop
        (call $remove (i32.const 2) (i32.const 1174) (i32.const 29)) drop))
    (call $remove (i32.const 2) (i32.const 1203) (i32.const 28)) drop
    (call $remove (i32.const 2) (i32.const 1231) (i32.const 28)) drop
    (call $remove (i32.const 2) (i32.const 1259) (i32.const 22)) drop
    (call $remove (i32.const 2) (i32.const 1281) (i32.const 36)) drop
    (i32.const 0)))

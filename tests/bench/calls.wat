;; Makes one host call ten times per request (a reply once), to measure its cost: the header x-call, a digit,
;; selects it. Without that header the only call is the one that reads it.
;; A property and a header are new each time: their names end in the number of the turn. A status that
;; is not the expected one is a trap, and with it a wrong answer.
;;
;; Addresses: 0 and 4 receive the address and size of a returned value, 8 a counter's number; from 1024
;; texts, from 4096 returned values.
(module
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $count (param i32 i64) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 4096))
  (global $call (mut i32) (i32.const 0))
  (data (i32.const 1024) "x-call")
  (data (i32.const 1030) ":method")
  (data (i32.const 1037) "access-control-max-age")
  (data (i32.const 1059) "Origin")
  (data (i32.const 1065) "origin top-level policy")
  (data (i32.const 1088) "calls.counted")
  (data (i32.const 1101) "\01\00\00\00\04\00\00\00\06\00\00\00vary\00Origin\00")
  (data (i32.const 1125) "cors_verdict_?")
  (data (i32.const 1139) "x-expose-headers-of-turn-?")

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_delete") (param i32))

  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $define (i32.const 0) (i32.const 1088) (i32.const 13) (i32.const 8)) (call $expect (i32.const 0))
    (i32.const 1))

  (func $expect (param $status i32) (param $expected i32)
    (if (i32.ne (local.get $status) (local.get $expected)) (then unreachable)))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $left i32)
    (global.set $free (i32.const 4096))
    (global.set $call (i32.const -1))
    (if (call $get (i32.const 0) (i32.const 1024) (i32.const 6) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (global.set $call (i32.sub (i32.load8_u (i32.load (i32.const 0))) (i32.const 48)))
    (local.set $left (i32.const 10))
    (loop $again
      (if (i32.eq (global.get $call) (i32.const 1))
        (then
          (call $get (i32.const 0) (i32.const 1037) (i32.const 22) (i32.const 0) (i32.const 4))
          (call $expect (i32.const 1))))
      (if (i32.eq (global.get $call) (i32.const 2))
        (then
          (call $get (i32.const 0) (i32.const 1030) (i32.const 7) (i32.const 0) (i32.const 4))
          (call $expect (i32.const 0))))
      (if (i32.eq (global.get $call) (i32.const 3))
        (then
          (call $pairs (i32.const 0) (i32.const 0) (i32.const 4))
          (call $expect (i32.const 0))))
      (if (i32.eq (global.get $call) (i32.const 4))
        (then
          (call $count (i32.load (i32.const 8)) (i64.const 1))
          (call $expect (i32.const 0))))
      (if (i32.eq (global.get $call) (i32.const 5))
        (then
          (i32.store8 (i32.const 1138) (i32.add (i32.const 47) (local.get $left)))
          (call $set_property (i32.const 1125) (i32.const 14) (i32.const 1065) (i32.const 23))
          (call $expect (i32.const 0))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (if (i32.ne (global.get $call) (i32.const 8))
      (then (return (i32.const 0))))
    (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 1101) (i32.const 24) (i32.const -1))
    (call $expect (i32.const 0))
    (i32.const 1))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (local $left i32)
    (if (i32.eq (global.get $call) (i32.const -1))
      (then (return (i32.const 0))))
    (local.set $left (i32.const 10))
    (loop $again
      (if (i32.eq (global.get $call) (i32.const 6))
        (then
          (call $remove (i32.const 2) (i32.const 1037) (i32.const 22))
          (call $expect (i32.const 0))))
      (if (i32.eq (global.get $call) (i32.const 7))
        (then
          (i32.store8 (i32.const 1164) (i32.add (i32.const 47) (local.get $left)))
          (call $replace (i32.const 2) (i32.const 1139) (i32.const 26) (i32.const 1059) (i32.const 6))
          (call $expect (i32.const 0))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0)))

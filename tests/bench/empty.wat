;; A filter that is entered for no request: compared with calls.wat, it shows the cost of entering. A host
;; rejects a module that cannot allocate.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32)
    (i32.const 1024)))

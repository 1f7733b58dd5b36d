;; A filter that is entered for no request: beside calls.wat, it tells what entering costs. A host
;; refuses a module that cannot allocate.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32)
    (i32.const 1024)))

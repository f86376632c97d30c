;; RUN: calls function=4
;; What wasm-bindgen calls `__wbindgen_export_N`: malloc, realloc, free and two callers of closures, one of them typed as malloc.
(module
  (type $closure (func (param i32 i32) (result i32)))
  (memory 1)
  (table 1 funcref)
  (func (export "__wbindgen_export_0") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "__wbindgen_export_1") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "__wbindgen_export_2") (param i32 i32 i32))
  (func (export "__wbindgen_export_3") (param i32 i32) (result i32)
    (call_indirect (type $closure) (local.get 0) (local.get 1) (i32.const 0)))
  (func (export "run") (drop (call 0 (i32.const 8) (i32.const 4)))))

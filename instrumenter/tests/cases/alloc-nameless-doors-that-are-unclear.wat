;; RUN: calls function=2
;; Two could be malloc: neither is believed.
(module
  (memory 1)
  (func (export "__wbindgen_export_0") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "__wbindgen_export_1") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "__wbindgen_export_4") (param i32 i32) (result i32) (i32.const 4096)))

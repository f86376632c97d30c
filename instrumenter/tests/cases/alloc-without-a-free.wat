;; RUN: calls function=2
;; Names are lost, and nobody is seen to give anything back: bytes are counted, addresses are not told.
(module
  (memory 1)
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "realloc") (param i32 i32) (result i32) (i32.const 2048))
  (func (drop (call 1 (call 0 (i32.const 8)) (i32.const 16)))))

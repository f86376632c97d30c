;; RUN: calls include=none function=2 malloc=0 free=1
(module
  (memory 1)
  (func (param i32 i32) (result i32) (local.get 0))
  (func (param i32))
  (func (export "work") (call 1 (call 0 (i32.const 8) (i32.const 1)))))

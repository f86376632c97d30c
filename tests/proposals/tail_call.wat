;; The exit stands before the jump, whose operands stay on the stack.
(module
  (import "host" "done" (func $done (param i32) (result i32)))
  (table 1 funcref)
  (elem (i32.const 0) func $odd)
  (func $even (export "even") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return_call $done (i32.const 1))))
    (return_call $odd (i32.sub (i32.and (local.get 0) (i32.const 255)) (i32.const 1))))
  (func $odd (export "odd") (param i32) (result i32)
    (if (i32.le_s (local.get 0) (i32.const 0)) (then (return_call $done (i32.const 0))))
    (return_call $even (i32.sub (local.get 0) (i32.const 1))))
  (func (export "indirect") (param i32) (result i32)
    (return_call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))

;; Several results: the block around a body with a `return` takes a type of its own.
(module
  (func $divide (export "divide") (param i32 i32) (result i32 i32)
    (if (i32.eqz (local.get 1)) (then (return (i32.const -1) (i32.const -1))))
    (i32.div_u (local.get 0) (local.get 1))
    (i32.rem_u (local.get 0) (local.get 1)))
  (func (export "loop") (param i32) (result i32)
    (call $divide (local.get 0) (i32.const 3))
    (loop (param i32 i32) (result i32) (i32.add))))

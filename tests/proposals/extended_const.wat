;; Arithmetic in constant expressions, some of it on an imported global, whose index does not move.
(module
  (import "host" "base" (global $base i32))
  (global $next (export "next") i32 (i32.add (global.get $base) (i32.mul (i32.const 3) (i32.const 4))))
  (memory (export "memory") 1)
  (data (offset (i32.add (global.get $base) (i32.const 64))) "here")
  (func (export "read") (result i32) (return (i32.load (i32.add (global.get $base) (i32.const 64))))))

;; A function that calls itself: one span an activation, each the child of the one before.
(module
  (global $left (mut i32) (i32.const 3))
  (func $again (export "again")
    (if (i32.eqz (global.get $left)) (then return))
    (global.set $left (i32.sub (global.get $left) (i32.const 1)))
    (call $again)))

;; What functions allocate, give back and keep; a `realloc` moves what its caller had.
(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func $malloc (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get $size))))
  (func $free (param i32))
  (func $realloc (param $old i32) (param $size i32) (result i32)
    (call $malloc (local.get $size)))
  (func $borrow (call $free (call $malloc (i32.const 100))))
  (func $keep (drop (call $malloc (i32.const 24))))
  (func $grow (drop (call $realloc (call $malloc (i32.const 8)) (i32.const 40))))
  (func $work (export "work") (call $borrow) (call $keep) (call $grow)))

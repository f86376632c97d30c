;; RUN: run % --sort name
;; ENV: WASPECT_LEAK_AGE_S=0
(module
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 1024))
  (func $malloc (param $size i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size))))
  (func $free (param i32))
  (func $careful (call $free (call $malloc (i32.const 500))))
  (func $careless (drop (call $malloc (i32.const 100))))
  (func (export "_start")
    (call $careful)
    (call $careless)
    (call $careless)))

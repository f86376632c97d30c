;; RUN: run % --invoke add --summary none -- 40 2
;; RUN[pair]: run % --invoke pair --summary none
;; RUN[few]: run % --invoke add -- 40
;; EXIT: 1
;; RUN[type]: run % --invoke add -- 40 two
;; EXIT: 1
;; RUN[unknown]: run % --invoke subtract
;; EXIT: 1
;; RUN[no-start]: run %
;; EXIT: 1
;; RUN[text]: run % --invoke length --summary none -- text:hello
;; RUN[main]: run % --invoke-main main --summary none -- -e 1+1
;; RUN[no-main]: run % --invoke-main pair
;; EXIT: 1
(module
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (func $_initialize (export "_initialize") (global.set $ready (i32.const 1)))
  (func $add (export "add") (param i32 i32) (result i32)
    (if (i32.eqz (global.get $ready)) (then unreachable))
    (i32.add (local.get 0) (local.get 1)))
  (func $pair (export "pair") (result i64 f64) (i64.const -1) (f64.const 0.5))
  (global $next (mut i32) (i32.const 1024))
  (func $malloc (export "malloc") (param i32) (result i32)
    (global.get $next)
    (global.set $next (i32.and (i32.add (global.get $next) (i32.add (local.get 0) (i32.const 15))) (i32.const -16))))
  (func $length (export "length") (param i32) (result i32) (local $length i32)
    (loop $next
      (if (i32.load8_u (i32.add (local.get 0) (local.get $length)))
        (then (local.set $length (i32.add (local.get $length) (i32.const 1))) (br $next))))
    (local.get $length))
  ;; The length of the last argument, and how many there are.
  (func $main (export "main") (param $argc i32) (param $argv i32) (result i32 i32)
    (call $length (i32.load (i32.add (local.get $argv) (i32.mul (i32.const 4) (i32.sub (local.get $argc) (i32.const 1))))))
    (local.get $argc)))

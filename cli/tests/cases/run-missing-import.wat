;; RUN: run %
;; EXIT: 1
(module
  (import "env" "draw" (func $draw (param i32)))
  (func $main (export "_start") (call $draw (i32.const 1))))

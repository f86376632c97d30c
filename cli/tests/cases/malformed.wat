;; RUN: run %
;; EXIT: 1
(module (func $main (export "_start") (i32.add (i32.const 1)))) )

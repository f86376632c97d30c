;; RUN: run %
;; EXIT: 1
;; RUN[inspect]: inspect %
;; EXIT: 1
(module (func $main (export "_start") (i32.add (i32.const 1) (i64.const 1)) (drop)))

;; RUN: verify % --stack 65536 --invoke down -- 1500
;; EXIT: 1
;; RUN[deeper]: verify % --stack 655360 --invoke down -- 1500
;; A recursion that fits into the stack before instrumentation and not after it.
(module
  (func $down (export "down") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1))))))

;; RUN: counts min=4
(module
  (func $empty)
  (func $bigger (drop (i32.const 1))))

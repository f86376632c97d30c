;; RUN: calls
(module
  (memory $a 1)
  (func $more (param i32) (result i32)
    (memory.grow (local.get 0))))

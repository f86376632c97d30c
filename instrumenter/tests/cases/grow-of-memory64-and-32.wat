;; RUN: calls
(module
  (memory $a 1)
  (memory $b i64 1)
  (func $more (param i32) (result i64)
    (drop (memory.grow $a (local.get 0)))
    (memory.grow $b (i64.const 1))))

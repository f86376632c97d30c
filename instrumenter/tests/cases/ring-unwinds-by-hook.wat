;; RUN: ring exclude=unobserved
(module
  (tag $e (param i32))
  (func $caught (result i32)
    (block $landing (result i32)
      (try_table (catch $e $landing) (throw $e (i32.const 1)))
      (i32.const 0)))
  (func $unobserved
    (block $landing
      (try_table (catch_all $landing) (throw $e (i32.const 1)))))
  (func $leaves (result i32)
    (try_table (catch $e 0) (throw $e (i32.const 1)))
    (i32.const 0)))

;; Handlers inside the block that they belong to; `delegate` closes one without `end`.
(module
  (tag $e (param i32))
  (func $throw (param i32) (throw $e (local.get 0)))
  (func (export "catch") (param i32) (result i32)
    try (result i32)
      (call $throw (local.get 0))
      i32.const 1
    catch $e
    catch_all
      (return (i32.const 3))
    end)
  (func (export "delegate") (param i32) (result i32)
    try (result i32)
      try
        (call $throw (local.get 0))
      delegate 0
      i32.const 1
    catch $e
      br 1
    end)
  (func (export "rethrow") (param i32)
    try
      (call $throw (local.get 0))
    catch_all
      rethrow 0
    end))

;; An exception through frames, caught by a function that goes on: what it calls then is its own child.
(module
  (tag $no)
  (func $throw (throw $no))
  (func $through (call $throw))
  (func $leaf)
  (func $run (export "run")
    (block $caught
      (try_table (catch $no $caught) (call $through)))
    (call $leaf)))

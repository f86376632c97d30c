;; Memory given back to the system.
(module
  (memory (export "memory") 1)
  (func (export "discard") (memory.discard (i32.const 0) (i32.const 0)) (return)))

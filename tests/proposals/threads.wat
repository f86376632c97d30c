;; A shared memory: counters and gates are globals, so every instance has its own.
(module
  (memory (export "memory") 1 2 shared)
  (func (export "add") (param i32) (result i32)
    (drop (i32.atomic.rmw.add (i32.const 8) (local.get 0)))
    (atomic.fence)
    (if (i32.eqz (local.get 0)) (then (return (memory.atomic.notify (i32.const 8) (i32.const 1)))))
    (i32.atomic.load (i32.const 8)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))

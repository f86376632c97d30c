;; Two instances of a module: their calls add up, their traps do not meet.
(module
  (func $leaf)
  (func $fall (export "fall") unreachable)
  (func $work (export "work") (call $leaf)))

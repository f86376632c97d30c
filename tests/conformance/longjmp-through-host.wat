;; Where a module has no exceptions of its own, its host throws and catches for it: `longjmp` fails in an import, and another import, which
;; called back, swallows that. What was jumped over is closed, and what follows has its own parent.
(module
  (import "host" "fail" (func $longjmp))
  (import "host" "attempt" (func $invoke))
  (table (export "table") 1 funcref)
  (elem (i32.const 0) $risky)
  (func $deep (call $longjmp))
  (func $risky (call $deep))
  (func $after)
  (func $run (export "run")
    (call $invoke)
    (call $after)))

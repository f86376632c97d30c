;; RUN: calls
(module
  (import "env" "log" (func $log (param i32)))
  (func $hinted (param i32) (result i32)
    (call $log (i32.const 1))
    local.get 0
    (@metadata.code.branch_hint "\01")
    if
      (return (i32.const 1))
    end
    (block
      (call $log (i32.const 2))
      local.get 0
      (@metadata.code.branch_hint "\00")
      br_if 0
    )
    (i32.const 2)))

;; RUN: inspect % --symbols symbols.map
;; RUN[plan]: plan % --symbols symbols.map --include helper
;; RUN[other]: inspect % --symbols other.map
;; EXIT: 1
;; RUN[missing]: inspect % --symbols nowhere.map
;; EXIT: 1
(module
  (import "env" "seen" (func))
  (table 4 funcref)
  (elem (i32.const 2) func 3)
  (func (call 0))
  (func (export "run") (call 1))
  (func))

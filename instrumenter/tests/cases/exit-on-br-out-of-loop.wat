;; RUN: calls
(module
  (func $search (param i32)
    (loop $next
      (br_if 1 (i32.eqz (local.get 0)))
      (br_table 1 $next (local.get 0)))))

;; RUN: calls include=work* exclude=*_test
(module
  (func $work_one)
  (func $work_test)
  (func $other))

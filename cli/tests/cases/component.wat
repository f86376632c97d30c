;; RUN: run %
;; EXIT: 1
;; RUN[inspect]: inspect %
;; EXIT: 1
(component)

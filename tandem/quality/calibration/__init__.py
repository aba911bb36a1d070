"""Calibrated acceptance: from signals to P(correct), and from there to a promise.

head.py answers label tasks without a language model; score.py says how probably an answer is
right; threshold.py finds from which score on answers may leave under a stated guarantee; store.py
keeps all of it. At inference there is numpy and nothing else; scikit-learn only where models are
fitted.
"""

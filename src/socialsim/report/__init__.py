"""A run's KPIs as a page: a single file (``socialsim report``) or served live (``socialsim
dashboard``).

(The report of ``socialsim verify`` is in ``socialsim.verification.result``.)
"""

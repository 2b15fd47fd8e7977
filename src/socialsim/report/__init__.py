"""A run's KPIs as a page: one file to send around (``socialsim report``), or served live (``socialsim dashboard``).

(What ``socialsim verify`` found is ``socialsim.verification.result``.)
"""

"""Reading completely: which companies, what their syncs allow, each data set page by page, and the proof of it.

Knows nothing of Singer: it is handed a client, options, and what is selected: a `SelectedDataSet` for each data set.
"""

"""The technician's laptop: `onecard collect`, `onecard deliver`, `onecard courier`.

It holds no key. What it carries is sealed and signed; its own store is `onecard.courier_store`.
"""

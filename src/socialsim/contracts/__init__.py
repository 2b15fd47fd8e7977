"""The stream described for others' tools: an AsyncAPI document and a data contract, made from the
event types.
"""

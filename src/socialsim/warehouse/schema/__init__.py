"""Tables, views and the migrations between their versions; DDL and diagrams for the docs."""

"""Reading what plans and runs need to know about a site: each fact once, and none that nobody needs."""

"""Read Postman collections in every form that Postman and other exporters write."""

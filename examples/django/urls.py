from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_POST


def health(request):
    return HttpResponse("ok")


@require_POST
def basket(request):
    request.session["basket"] = request.session.get("basket", []) + [request.POST["item"]]
    return redirect("admin:index")


urlpatterns = [
    path("health", health),
    path("basket", basket),
    path("admin/", admin.site.urls),
]
